"""What people read about a case, in Chinese and English."""

from __future__ import annotations

from typing import Any

STATUS = {
    "waiting": ("已收件，正在核对", "Received; the assessments are under way"),
    "determined": (
        "已有核对结果：至少有一条路径可以申报，或满足条件后可以申报",
        "Answered: at least one road is open, or opens on a condition",
    ),
    "officer": ("待工作人员处理", "Waits for an officer"),
    "duplicate": ("暂缓办理：本批次另有一份申报", "Held: another application exists in this round"),
    "withdrawn": ("已撤回", "Withdrawn"),
    "erased": ("个人信息已删除", "Personal data erased"),
}

ROAD = {
    "ordinary": ("职称评审", "Ordinary review"),
    "overseas": ("境外职业资格比照认定", "Overseas certificate"),
    "competition": ("以赛代评", "Competition in place of review"),
}

SERVICE = {"equivalence": ("境外职业资格", "Overseas certificates"), "competition": ("大赛成绩", "Competitions")}

STEPS = {
    "received": ("申报已收到，正在核对", "Application received; the assessments have begun"),
    "held": (
        "申报已收到，暂缓办理：本批次另有一份申报",
        "Application received and held: another application exists in this round",
    ),
    "released": ("已恢复办理，正在核对", "No longer held; the assessments have begun"),
    "amended": ("申报材料已更正（第{revision}版）", "Filing amended (revision {revision})"),
    "assessed": (
        "{service_zh}核对完成（第{number}次，对应材料第{revision}版）",
        "{service_en} assessed (number {number}, for revision {revision})",
    ),
    "determined": ("已形成第{number}次核对结果", "Determination {number} made"),
    "asked-again": ("尚未收到核对结果，已再次催办（第{times}次）", "No answer yet: asked again ({times})"),
    "withdrawn": ("申报已撤回", "Application withdrawn"),
    "message-delivered": ("通知已送出（{about_zh}）", "Message sent ({about_en})"),
    "message-waiting": (
        "通知未能送达，待工作人员处理（{about_zh}）",
        "Message not delivered, waits for a person ({about_en})",
    ),
}

MESSAGES = {
    "received": ("收件通知", "receipt"),
    "held": ("暂缓通知", "held"),
    "amended": ("更正通知", "amendment"),
    "determined": ("结果通知", "determination"),
    "withdrawn": ("撤回通知", "withdrawal"),
}

ANOTHER_EXISTS = ("本批次另有一份申报", "Another application exists in this round")

OFFICER_REASONS = {
    "duplicate": ANOTHER_EXISTS,
    "no-open-road": ("目前没有无须工作人员确认即可申报的路径", "No road is open without a person"),
}


def both(pair: tuple[str, str]) -> dict[str, str]:
    return {"zh": pair[0], "en": pair[1]}


def step_text(entry: dict[str, Any]) -> dict[str, str]:
    """The sentence of a timeline entry."""
    zh, en = STEPS[entry["step"]]
    service = SERVICE.get(entry["service"], (entry["service"], entry["service"]))
    values = dict(entry.get("values") or {})
    about = MESSAGES.get(values.get("about", ""), (values.get("about"), values.get("about")))
    values |= {"about_zh": about[0], "about_en": about[1]}
    values |= {"service_zh": service[0], "service_en": service[1]}
    return {"zh": zh.format(**values), "en": en.format(**values)}

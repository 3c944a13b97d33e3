"""What people read about a case, in Chinese and English."""

from __future__ import annotations

from typing import Any

STATUS = {
    "waiting": ("已受理，等待评估结果", "Taken in; the assessments are under way"),
    "determined": ("已答复：至少一条路径可以走", "Answered: at least one road is open, or opens on a condition"),
    "officer": ("待工作人员处理", "Waits for an officer"),
    "duplicate": ("暂缓：本轮次另有一份申请", "Held: another application exists in this round"),
    "withdrawn": ("已撤回", "Withdrawn"),
    "erased": ("个人信息已删除", "Personal data erased"),
}

ROAD = {
    "ordinary": ("职称评审", "Ordinary review"),
    "overseas": ("境外职业资格比照认定", "Overseas certificate"),
    "competition": ("以赛代评", "Competition in place of review"),
}

SERVICE = {"equivalence": ("境外资格比照", "Overseas certificates"), "competition": ("竞赛", "Competitions")}

STEPS = {
    "received": ("申请已收到，正在评估", "Application received; the assessments have begun"),
    "held": (
        "申请已收到并暂缓：本轮次另有一份申请",
        "Application received and held: another application exists in this round",
    ),
    "released": ("暂缓已解除，开始评估", "No longer held; the assessments have begun"),
    "amended": ("材料已修改（第{revision}版）", "Filing amended (revision {revision})"),
    "assessed": (
        "{service_zh}评估完成（第{number}号，针对第{revision}版）",
        "{service_en} assessed (number {number}, for revision {revision})",
    ),
    "determined": ("形成第{number}号答复", "Determination {number} made"),
    "asked-again": ("尚未收到答复，再次询问（第{times}次）", "No answer yet: asked again ({times})"),
    "withdrawn": ("申请已撤回", "Application withdrawn"),
    "message-delivered": ("通知已送出（{about_zh}）", "Message sent ({about_en})"),
    "message-waiting": (
        "通知未能送出，待人工处理（{about_zh}）",
        "Message not delivered, waits for a person ({about_en})",
    ),
}

MESSAGES = {
    "received": ("收件通知", "receipt"),
    "held": ("暂缓通知", "held"),
    "amended": ("修改通知", "amendment"),
    "determined": ("答复通知", "determination"),
    "withdrawn": ("撤回确认", "withdrawal"),
}

ANOTHER_EXISTS = ("本轮次另有一份申请", "Another application exists in this round")

OFFICER_REASONS = {
    "duplicate": ANOTHER_EXISTS,
    "no-open-road": ("目前没有不经人工确认即可走的路径", "No road is open without a person"),
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

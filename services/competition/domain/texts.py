"""The sentences of the answers, in Chinese and English, each with its stable code and values."""

from __future__ import annotations

from services.competition.domain.values import Claim, Edition, Item, LevelTitle, Member, Names, Project

ROLES = {
    "technical-lead": Names("技术负责人", "technical lead"),
    "project-lead": Names("项目负责人", "project lead"),
    "core-member": Names("核心成员", "core member"),
    "member": Names("团队成员", "member"),
    "other": Names("其他角色", "another role"),
}
STAGES = {
    "entered": Names("报名参赛", "entered"),
    "preliminary": Names("初赛", "the preliminary"),
    "final": Names("决赛", "the final"),
}
LEVELS = {
    "technician": Names("员级", "technician level"),
    "assistant": Names("助理级", "assistant level"),
    "intermediate": Names("中级", "intermediate level"),
    "associate_senior": Names("副高级", "associate senior level"),
    "senior": Names("正高级", "full senior level"),
}
STATUSES = {
    "open": Names("可以进入评定", "open"),
    "open-if": Names("满足条件后可以进入评定", "open on a condition"),
    "not-known": Names("尚不能判断", "not known yet"),
    "closed": Names("不符合本通道条件", "closed"),
}
_NO_TITLE = Names("无职称", "no title")
_SYNTHETIC = Names("【合成演示数据】", " [synthetic data for demonstration]")


def no_title_by_itself() -> Item:
    return Item(
        "no-title-by-itself",
        Names(
            "竞赛成绩只能启动对本人的职称评定，本身不授予任何职称；是否授予由评定委员会决定。",
            "A contest result opens an assessment. It never grants a title by itself: a committee decides.",
        ),
    )


def no_entry() -> Item:
    return Item(
        "no-entry",
        Names("申报材料中没有填写参赛项目。", "The application names no contest entry."),
    )


def project_not_in_register(claim: Claim, edition: Edition) -> Item:
    return Item(
        "project-not-in-register",
        Names(
            f"{edition.name.zh}的结果已全部登记，其中没有项目 {claim.project}。",
            f"The results of the {edition.name.en} are registered in full and hold no project {claim.project}.",
        ),
        _of(claim),
    )


def disqualified(edition: Edition, project: Project) -> Item:
    return Item(
        "disqualified",
        Names(
            f"主办方已取消项目 {project.id} 在{edition.name.zh}中的成绩。",
            f"The organiser has annulled the result of project {project.id} in the {edition.name.en}.",
        ),
        _in(project),
    )


def not_in_final(edition: Edition, project: Project) -> Item:
    stage = STAGES[project.stage]
    return Item(
        "not-in-final",
        Names(
            f"项目 {project.id} 在{edition.name.zh}中止于{stage.zh}，未进入决赛。",
            f"Project {project.id} did not reach the final of the {edition.name.en}; its last stage was "
            f"{'the entry' if project.stage == 'entered' else stage.en}.",
        ),
        _in(project) | {"stage": project.stage},
    )


def result_outstanding(edition: Edition, project: Project) -> Item:
    return Item(
        "result-outstanding",
        Names(
            f"{edition.name.zh}的结果尚未全部登记，项目 {project.id} 是否进入决赛还不知道；结果登记后会自动重新判断。",
            f"The results of the {edition.name.en} are not registered in full: whether project {project.id} "
            "reached the final is not known yet. It is judged again when they are.",
        ),
        _in(project) | {"stage": project.stage},
    )


def not_on_team(edition: Edition, project: Project) -> Item:
    return Item(
        "not-on-team",
        Names(
            f"{edition.name.zh}的团队名单已全部登记，项目 {project.id} 的名单中没有您。",
            f"The teams of the {edition.name.en} are registered in full, and you are not on the team of project "
            f"{project.id}.",
        ),
        _in(project),
    )


def officer_confirms(claim: Claim, edition: Edition | None, why: str) -> Item:
    """`why`: edition-unknown, project-unknown or not-on-team."""
    name = edition.name if edition else Names(f"赛事 {claim.edition} ", f"contest edition {claim.edition}")
    because = {
        "edition-unknown": Names("我们的登记册中没有这一届赛事", "our register does not hold this edition"),
        "project-unknown": Names(
            "这一届的结果尚未全部登记，登记册中还没有该项目",
            "the results of this edition are not registered in full and do not hold the project yet",
        ),
        "not-on-team": Names(
            "这一届的结果尚未全部登记，登记的团队名单中还没有您",
            "the results of this edition are not registered in full and you are not on the registered team yet",
        ),
    }[why]
    return Item(
        "officer-confirms-entry",
        Names(
            f"需由工作人员确认您在{name.zh}中项目 {claim.project} 的参赛情况及是否进入决赛：{because.zh}。",
            f"An officer confirms your entry {claim.project} in the {name.en} and its place in the final: "
            f"{because.en}.",
        ),
        _of(claim) | {"why": why},
    )


def role_confirmation(claim: Claim, member: Member) -> Item:
    """The role as claimed is not what the register holds as confirmed."""
    claimed, held = ROLES[claim.role], ROLES[member.role]
    if member.disputed:
        state = "disputed"
        why = Names("团队内对该角色有异议", "it is disputed within the team")
    elif claim.role != member.role:
        state = "differs"
        why = Names(f"登记册中的角色为{held.zh}", f"the register says {held.en}")
    else:
        state = "unconfirmed"
        why = Names("目前尚未确认", "it is not confirmed yet")
    return Item(
        "role-confirmation",
        Names(
            f"您在团队中的角色（{claimed.zh}）需由团队成员或主办方确认：{why.zh}。",
            f"Your role in the team ({claimed.en}) is to be confirmed by team mates or the organiser: {why.en}.",
        ),
        {"claimed": claim.role, "registered": member.role, "state": state},
    )


def role_unconfirmed(claim: Claim) -> Item:
    """The register holds no role at all."""
    claimed = ROLES[claim.role]
    return Item(
        "role-confirmation",
        Names(
            f"您在团队中的角色（{claimed.zh}）需由团队成员或主办方确认。",
            f"Your role in the team ({claimed.en}) is to be confirmed by team mates or the organiser.",
        ),
        {"claimed": claim.role, "state": "unconfirmed"},
    )


def committee_assessment(edition: Edition | None) -> Item:
    return Item(
        "committee-assessment",
        Names(
            "由评定委员会对本人在团队中的作用、突破、成果和真实项目进行评定。",
            "A committee assesses the person: own part in the team, breakthroughs, results, real projects.",
        ),
        {"edition": edition.id} if edition else {},
    )


def level_skip(current: str | None, to: LevelTitle) -> Item:
    held = LEVELS[current] if current else _NO_TITLE
    return Item(
        "level-skip",
        Names(
            f"从{held.zh}直接评定{to.name.zh}属于跳级，作为例外列出，由委员会按业绩决定。",
            f"From {held.en} directly to {to.name.en} skips levels: an exception, decided by the committee.",
        ),
        {"from": current or "none", "to": to.level},
    )


def register_entry(edition: Edition, project: Project) -> Item:
    award = project.award
    values = _in(project) | {"stage": project.stage, "track": project.track.zh}
    if award is not None:
        values["award"] = award.zh
    annulled = Names("（成绩已取消）", " (result annulled)") if project.disqualified else Names("", "")
    return Item(
        "register-entry",
        _marked(
            project,
            Names(
                f"登记册：{edition.name.zh}，项目 {project.id}，赛道{project.track.zh}，阶段{STAGES[project.stage].zh}"
                f"{'，' + award.zh if award else ''}{annulled.zh}。",
                f"Register: {edition.name.en}, project {project.id}, track {project.track.en}, stage "
                f"{STAGES[project.stage].en}{', ' + award.en if award else ''}{annulled.en}.",
            ),
        ),
        _marked_values(project, values),
    )


def team_member(project: Project, member: Member) -> Item:
    role = ROLES[member.role]
    confirmed = member.confirmed and not member.disputed
    state = Names("已确认", "confirmed") if confirmed else Names("未确认", "not confirmed")
    return Item(
        "team-member",
        _marked(
            project,
            Names(
                f"登记册：您是项目 {project.id} 的{role.zh}（{state.zh}）。",
                f"Register: you are {role.en} of project {project.id} ({state.en}).",
            ),
        ),
        _marked_values(project, _in(project) | {"role": member.role, "confirmed": "yes" if confirmed else "no"}),
    )


def other_entry(claim: Claim, edition: Edition | None, status: str, reason: Item | None) -> Item:
    name = edition.name if edition else Names(claim.edition, claim.edition)
    said = STATUSES[status]
    return Item(
        "other-entry",
        Names(
            f"另一参赛项目 {claim.project}（{name.zh}）：{said.zh}。{reason.text.zh if reason else ''}",
            f"Another entry, {claim.project} ({name.en}): {said.en}. {reason.text.en if reason else ''}".rstrip(),
        ),
        _of(claim) | {"status": status} | ({"reason": reason.code} if reason else {}),
    )


def _of(claim: Claim) -> dict[str, str | int]:
    return {"edition": claim.edition, "project": claim.project}


def _in(project: Project) -> dict[str, str | int]:
    return {"edition": project.edition, "project": project.id}


def _marked(project: Project, text: Names) -> Names:
    """Rows that describe nobody say so in every sentence that rests on them."""
    return Names(text.zh + _SYNTHETIC.zh, text.en + _SYNTHETIC.en) if project.synthetic else text


def _marked_values(project: Project, values: dict[str, str | int]) -> dict[str, str | int]:
    return values | {"synthetic": "true"} if project.synthetic else values

"""The sentences of the answers, in Chinese and English, each with its stable code and values."""

from __future__ import annotations

from services.competition.domain.values import SERIES, Claim, Edition, Item, LevelTitle, Member, Names, Project

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
    "open": Names("可以进入职称认定", "open"),
    "open-if": Names("满足条件后可以进入职称认定", "open once its conditions are met"),
    "not-known": Names("尚不能判断", "not known yet"),
    "closed": Names("按现行规定，目前不能通过本路径申报", "closed for now under the rules as they stand"),
}
_NO_TITLE = Names("无工程系列职称", "no engineering title")
_SYNTHETIC = Names("【合成演示数据】", " [synthetic data for demonstration]")


def no_title_by_itself() -> Item:
    return Item(
        "no-title-by-itself",
        Names(
            "大赛成绩仅作为启动本人职称认定的依据，并不直接取得职称；职称由专门的认定委员会审定。",
            "A contest result opens an assessment. It never grants a title by itself: a committee decides.",
        ),
    )


def no_entry() -> Item:
    return Item(
        "no-entry",
        Names("申报材料中未填报参赛项目。", "The application names no contest entry."),
    )


def project_not_in_register(claim: Claim, edition: Edition) -> Item:
    return Item(
        "project-not-in-register",
        Names(
            f"{edition.name.zh}的成绩已全部登记，其中未见项目 {claim.project}。",
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
            f"项目 {project.id} 在{edition.name.zh}中的最后阶段为{stage.zh}，未进入决赛。",
            f"Project {project.id} did not reach the final of the {edition.name.en}; its last stage was "
            f"{'the entry' if project.stage == 'entered' else stage.en}.",
        ),
        _in(project) | {"stage": project.stage},
    )


def result_outstanding(edition: Edition, project: Project) -> Item:
    return Item(
        "result-outstanding",
        Names(
            f"{edition.name.zh}的成绩尚未全部登记，项目 {project.id} 是否进入决赛尚未掌握；成绩登记后将自动重新核对。",
            f"The results of the {edition.name.en} are not registered in full: whether project {project.id} "
            "reached the final is not known yet. It is judged again when they are.",
        ),
        _in(project) | {"stage": project.stage},
    )


def not_on_team(edition: Edition, project: Project) -> Item:
    return Item(
        "not-on-team",
        Names(
            f"{edition.name.zh}的团队名单已全部登记，项目 {project.id} 的名单中未见您的信息。",
            f"The teams of the {edition.name.en} are registered in full, and you are not on the team of project "
            f"{project.id}.",
        ),
        _in(project),
    )


def officer_confirms(claim: Claim, edition: Edition | None, why: str) -> Item:
    """`why`: edition-unknown, project-unknown or not-on-team."""
    name = edition.name if edition else Names(f"大赛（{claim.edition}）", f"contest edition {claim.edition}")
    because = {
        "edition-unknown": Names("登记信息中尚无这一届大赛", "our register does not hold this edition"),
        "project-unknown": Names(
            "这一届的成绩尚未全部登记，登记信息中尚无该项目",
            "the results of this edition are not registered in full and do not hold the project yet",
        ),
        "not-on-team": Names(
            "这一届的成绩尚未全部登记，已登记的团队名单中尚无您的信息",
            "the results of this edition are not registered in full and you are not on the registered team yet",
        ),
    }[why]
    return Item(
        "officer-confirms-entry",
        Names(
            f"您在{name.zh}中项目 {claim.project} 的参赛情况及是否进入决赛，须由工作人员确认：{because.zh}。",
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
        why = Names(f"登记信息中的角色为{held.zh}", f"the register says {held.en}")
    else:
        state = "unconfirmed"
        why = Names("目前尚未确认", "it is not confirmed yet")
    return Item(
        "role-confirmation",
        Names(
            f"您在团队中的角色（{claimed.zh}）须由团队成员或主办方确认：{why.zh}。",
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
            f"您在团队中的角色（{claimed.zh}）须由团队成员或主办方确认。",
            f"Your role in the team ({claimed.en}) is to be confirmed by team mates or the organiser.",
        ),
        {"claimed": claim.role, "state": "unconfirmed"},
    )


def committee_assessment(edition: Edition | None) -> Item:
    return Item(
        "committee-assessment",
        Names(
            "由认定委员会结合实际项目，对本人在团队中发挥的作用、取得的突破和成果进行考核认定。",
            "A committee assesses the person: own part in the team, breakthroughs, results, real projects.",
        ),
        {"edition": edition.id} if edition else {},
    )


def level_skip(current: str | None, to: LevelTitle, *, allowed: bool) -> Item:
    """`allowed`: a source says that levels may be skipped in this edition."""
    held = LEVELS[current] if current else _NO_TITLE
    zh = f"由{held.zh}直接认定{to.name.zh}属于跳级，作为例外情形列明，由认定委员会根据业绩审定。"
    en = f"From {held.en} directly to {to.name.en} skips levels: an exception, decided by the committee."
    if not allowed:
        zh += "所见材料未说明这一届大赛可否跳级。"
        en += " No text seen says whether levels may be skipped in this edition."
    return Item(
        "level-skip",
        Names(zh, en),
        {"from": current or "none", "to": to.level, "allowed": "yes" if allowed else "not-known"},
    )


def title_held(title: LevelTitle) -> Item:
    return Item(
        "title-held",
        Names(
            f"已具有{title.name.zh}，这一届大赛所能认定的职称没有更高的层级。",
            f"{title.name.en} is held already, and the recognition of this edition leads no higher.",
        ),
        {"series": SERIES, "level": title.level},
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
                f"登记信息：{edition.name.zh}，项目 {project.id}，赛道：{project.track.zh}，"
                f"阶段：{STAGES[project.stage].zh}{'，奖项：' + award.zh if award else ''}{annulled.zh}。",
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
                f"登记信息：您是项目 {project.id} 的{role.zh}（{state.zh}）。",
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

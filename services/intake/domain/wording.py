"""The sentences of the ordinary road, in Chinese and English, each with its stable code and its numbers."""

from __future__ import annotations

from services.intake.domain.answers import Item, Text

DEGREE_NAMES = {
    "secondary-vocational": Text("中专", "a secondary vocational diploma"),
    "college": Text("大专", "a college diploma"),
    "bachelor": Text("本科", "a bachelor's degree"),
    "second-bachelor": Text("第二学士学位", "a second bachelor's degree"),
    "master": Text("硕士", "a master's degree"),
    "doctorate": Text("博士", "a doctorate"),
}
_PLAIN = {
    "results-file-reviewed": Text(
        "评审委员会评审任现职以来的业绩材料。",
        "The committee reviews the file of results since the last appointment.",
    ),
    "check-passed": Text("考核合格。", "The applicant passes a check of work done."),
    "exam-passed": Text("先通过高级会计师考试。", "The senior accounting examination is passed first."),
    "early-promotion-evidence": Text(
        "提交破格申报的专门证明材料。", "The declared exception is supported by evidence of its own."
    ),
    "sh-applicant-scope": Text(
        "截止日须具备其一：上海户籍、有效的上海市居住证，或近两年内在沪缴纳社会保险满12个月。",
        "On the closing day one of these holds: Shanghai household registration, a valid Shanghai residence permit, or "
        "12 months of social insurance in Shanghai within the last two years.",
    ),
    "sh-not-accepted-retired": Text(
        "已退休或当年达到退休年龄者不受理，经批准延长退休的除外。",
        "People who have retired or reach retirement age within the year apply only with an approved extension.",
    ),
    "sh-cooldown-after-fail": Text(
        "上一年度评审未通过者，当年不得再次申报同级职称，有突出新业绩的除外。",
        "After a review that was not passed last year there is no new one at this level this year, unless there are "
        "new outstanding results.",
    ),
    "sh-years-nonwork-excluded": Text(
        "未从事本专业工作的时间不计入任职年限，产假除外。",
        "Time without professional work in the post is taken off the years; maternity leave is not.",
    ),
}


def plain(code: str) -> Item:
    """An item without numbers."""
    return Item(code, _PLAIN[code])


def has_words(code: str) -> bool:
    return code in _PLAIN


def years_counted(prior: Text, since: int, until: str, have: int, need: int) -> Item:
    return Item(
        "years-counted",
        Text(
            f"任职年限自{since}年聘任{prior.zh}起计至{until}：{have}年，需{need}年。",
            f"Years count from the appointment as {prior.en} in {since} to {until}: {have} of {need}.",
        ),
        {"since": since, "until": until, "have": have, "need": need},
    )


def years_missing(have: int, need: int, until: str) -> Item:
    return Item(
        "years",
        Text(f"截至{until}年限为{have}年，需{need}年。", f"{have} of {need} years counted to {until}."),
        {"have": have, "need": need, "until": until},
    )


def appointed_by(since: int, cutoff: str) -> Item:
    """The cut-off ("06-30") lies within the year, and the facts hold the year of appointment alone."""
    day = f"{since}-{cutoff}"
    return Item(
        "appointed-by",
        Text(f"聘任日期不晚于{day}。", f"The appointment was made no later than {day}."),
        {"day": day},
    )


def prior_title(needed: Text, series: str, level: str) -> Item:
    return Item(
        "prior-title",
        Text(f"须先聘任为{needed.zh}。", f"An appointment as {needed.en} comes first."),
        {"series": series, "level": level},
    )


def degree_missing(degree: str) -> Item:
    name = DEGREE_NAMES[degree]
    return Item("degree", Text(f"学历须为{name.zh}及以上。", f"At least {name.en} is needed."), {"degree": degree})


def degree_field_missing(also: str | None) -> Item:
    if also is None:
        return Item("degree-field", Text("须为理工科学历。", "The degree must be in science or engineering."))
    name = DEGREE_NAMES[also]
    return Item(
        "degree-field",
        Text(
            f"须为理工科学历，或另有理工科{name.zh}学历。",
            f"The degree must be in science or engineering, or {name.en} in science or engineering is held as well.",
        ),
        {"also": also},
    )


def late_degree(have: int, need: int) -> Item:
    return Item(
        "late-degree-wait",
        Text(
            f"取得现职称后获得的学历，须再从事专业工作{need}年方可计入，目前{have}年。",
            f"A degree earned after the title counts after {need} more year of work in the field; {have} so far.",
        ),
        {"have": have, "need": need},
    )


def late_degree_counted(need: int) -> Item:
    return Item(
        "late-degree-counted",
        Text(
            f"该学历在取得现职称后获得，已满{need}年，计入。",
            f"The degree was earned after the title; {need} year has passed since, so it counts.",
        ),
        {"need": need},
    )


def early_promotion(title: Text) -> Item:
    return Item(
        "early-promotion",
        Text(
            f"破格申报{title.zh}：学历或年限未达到一般要求。",
            f"Early promotion to {title.en}: degree or years depart from the ladder.",
        ),
    )


def target_assumed(title: Text) -> Item:
    return Item(
        "target-assumed",
        Text(f"未指明申报职称，按{title.zh}判断。", f"No title was named; this answers for {title.en}."),
    )


def target_defaulted(title: Text) -> Item:
    return Item(
        "target-assumed",
        Text(
            f"未指明申报职称，亦无现职称，按{title.zh}判断。",
            f"No title was named and none is held; this answers for {title.en}.",
        ),
    )


def target_needed() -> Item:
    return Item(
        "target-needed",
        Text("请指明申报的职称系列和层级。", "Name the series and level that are applied for."),
    )


def title_held(title: Text) -> Item:
    return Item("title-held", Text(f"已具备{title.zh}或更高职称。", f"{title.en} or a higher title is held already."))


def no_higher_level() -> Item:
    return Item(
        "no-higher-level", Text("已为正高级，无更高层级。", "The highest level is held; there is none above it.")
    )


def not_known_to_us(title: Text) -> Item:
    return Item(
        "requirements-not-known",
        Text(
            f"{title.zh}的申报条件尚未收录，不作为申请人的不足。",
            f"The requirements for {title.en} are not known to us.",
        ),
    )


def series_transfer(held: Text, title: Text) -> Item:
    return Item(
        "series-transfer",
        Text(
            f"现职称属其他系列（{held.zh}）；转系列申报{title.zh}适用专门规定，其内容尚未收录。",
            f"The title held ({held.en}) is of another series; a special rule, not known to us, applies on the way to "
            f"{title.en}.",
        ),
    )


def officer_confirms(what: str, title: Text) -> Item:
    """`what`: requirements, series-transfer or degree."""
    text = {
        "requirements": Text(
            f"由工作人员确认{title.zh}的申报条件。", f"An officer confirms the requirements for {title.en}."
        ),
        "series-transfer": Text(
            f"由工作人员确认转系列申报{title.zh}的条件。", f"An officer confirms the change of series to {title.en}."
        ),
        "degree": Text(
            "由工作人员确认所填“其他”学历或专业是否符合要求。",
            "An officer confirms whether the degree or field given as “other” fits.",
        ),
    }[what]
    return Item(f"officer-confirms-{what}", text)

"""The sentences of the ordinary road, in Chinese and English, each with its stable code and its numbers."""

from __future__ import annotations

from services.intake.domain.answers import Item, Text

DEGREE_NAMES = {
    "secondary-vocational": Text("中等专业学校", "a secondary vocational diploma"),
    "college": Text("大学专科", "a college diploma"),
    "bachelor": Text("大学本科", "a bachelor's degree"),
    "second-bachelor": Text("第二学士", "a second bachelor's degree"),
    "master": Text("硕士", "a master's degree"),
    "doctorate": Text("博士", "a doctorate"),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_PLAIN = {
    "results-file-reviewed": Text(
        "任现职以来的业绩材料须经评审委员会评审。",
        "The committee reviews the file of results since the last appointment.",
    ),
    "check-passed": Text("须经考核合格。", "The applicant passes a check."),
    "exam-passed": Text("须先通过高级会计师资格考试。", "The senior accounting examination is passed first."),
    "early-promotion-evidence": Text(
        "须另附破格申报的证明材料。", "The declared exception is supported by evidence of its own."
    ),
    "sh-applicant-scope": Text(
        "须为在沪在职人员，且于申报截止日符合下列条件之一：具有上海市户籍；持有有效的上海市居住证；近两年内在本市缴纳社会保险满12个月。",
        "In post in Shanghai, and on the closing day one of these holds: Shanghai household registration, a valid "
        "Shanghai residence permit, or 12 months of social insurance in Shanghai within the last two years.",
    ),
    "sh-foreign-applicants": Text(
        "在沪合法就业的港澳台及外籍专业技术人员，凭身份、就业和学历证明也可申报。",
        "Professionals from Hong Kong, Macao, Taiwan and abroad who work lawfully in Shanghai may apply too, with "
        "proof of identity, work and degree.",
    ),
    "sh-not-accepted-retired": Text(
        "已退休或当年达到退休年龄的人员不在申报范围内，经批准延迟退休的除外。",
        "People who have retired or reach retirement age within the year apply only with an approved extension.",
    ),
    "sh-cooldown-after-fail": Text(
        "上一年度申报同级职称评审未获通过的，当年一般不再申报，取得突出新业绩的除外。",
        "After a review that was not passed last year there is no new one at this level this year, unless there are "
        "new outstanding results.",
    ),
    "sh-years-nonwork-excluded": Text(
        "未在岗从事本专业工作的时间不计入任职年限，产假除外。",
        "Time without professional work in the post is taken off the years; maternity leave is not.",
    ),
}


def _day(text: str) -> Text:
    """`2026-12-31` as people write it."""
    year, month, day = (int(part) for part in text.split("-"))
    return Text(f"{year}年{month}月{day}日", f"{day} {_MONTHS[month - 1]} {year}")


def plain(code: str) -> Item:
    """An item without numbers."""
    return Item(code, _PLAIN[code])


def has_words(code: str) -> bool:
    return code in _PLAIN


def years_counted(prior: Text, since: int, until: str, have: int, need: int) -> Item:
    return Item(
        "years-counted",
        Text(
            f"任职年限自{since}年聘任{prior.zh}起，计算至{_day(until).zh}，计{have}年，须满{need}年。",
            f"Years from the appointment as {prior.en} in {since} to {_day(until).en}: {have}; {need} are needed.",
        ),
        {"since": since, "until": until, "have": have, "need": need},
    )


def years_missing(have: int, need: int, until: str, *, of_work: bool) -> Item:
    """`of_work`: years of work since the degree, else since the appointment."""
    zh, en = ("取得学历后的工作年限", " of work since the degree") if of_work else ("任职年限", "")
    return Item(
        "years",
        Text(
            f"{zh}须满{need}年，截至{_day(until).zh}计{have}年。",
            f"{have} of {need} years{en} counted to {_day(until).en}.",
        ),
        {"have": have, "need": need, "until": until},
    )


def appointed_by(since: int, cutoff: str) -> Item:
    """The cut-off ("06-30") lies within the year, and the facts hold the year of appointment alone."""
    day = f"{since}-{cutoff}"
    return Item(
        "appointed-by",
        Text(f"聘任日期须不晚于{_day(day).zh}。", f"The appointment was made no later than {_day(day).en}."),
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
    return Item("degree", Text(f"须具有{name.zh}及以上学历。", f"At least {name.en} is needed."), {"degree": degree})


def degree_field_missing(also: str | None) -> Item:
    if also is None:
        return Item("degree-field", Text("须具有理工科学历。", "The degree must be in science or engineering."))
    name = DEGREE_NAMES[also]
    return Item(
        "degree-field",
        Text(
            f"须具有理工科学历，或另具有理工科{name.zh}学历。",
            f"The degree must be in science or engineering, or {name.en} in science or engineering is held as well.",
        ),
        {"also": also},
    )


def late_degree(have: int, need: int) -> Item:
    return Item(
        "late-degree-wait",
        Text(
            f"取得现职称后获得的学历，须在获得后再从事专业工作满{need}年方可计入，目前计{have}年。",
            f"A degree earned after the title counts after {need} more year of work in the field; {have} so far.",
        ),
        {"have": have, "need": need},
    )


def late_degree_counted(need: int) -> Item:
    return Item(
        "late-degree-counted",
        Text(
            f"该学历在取得现职称后获得，至今已满{need}年；其间从事专业工作的，予以计入。",
            f"The degree was earned after the title; {need} year has passed since, and it counts if that was one of "
            "work in the field.",
        ),
        {"need": need},
    )


def early_promotion(title: Text) -> Item:
    return Item(
        "early-promotion",
        Text(
            f"破格申报{title.zh}：学历或任职年限未达到一般要求。",
            f"Early promotion to {title.en}: degree or years depart from the ladder.",
        ),
    )


def early_promotion_and_prior() -> Item:
    return Item(
        "early-promotion-prior-title",
        Text(
            "已声明破格申报；破格可否免去现职称的要求，所见文本未说明。",
            "Early promotion is declared; no text seen says whether it dispenses with the title below.",
        ),
    )


def target_assumed(title: Text) -> Item:
    return Item(
        "target-assumed",
        Text(f"未填报拟申报的职称，此处按{title.zh}核对。", f"No title was named; this answers for {title.en}."),
    )


def target_defaulted(title: Text) -> Item:
    return Item(
        "target-assumed",
        Text(
            f"未填报拟申报的职称，也未填报现职称，此处按{title.zh}核对。",
            f"No title was named and none is held; this answers for {title.en}.",
        ),
    )


def target_needed() -> Item:
    return Item(
        "target-needed",
        Text("请填报拟申报的职称系列和层级。", "Name the series and level that are applied for."),
    )


def title_held(title: Text) -> Item:
    return Item(
        "title-held", Text(f"已具有{title.zh}或更高层级的职称。", f"{title.en} or a higher title is held already.")
    )


def no_higher_level() -> Item:
    return Item(
        "no-higher-level",
        Text("已具有正高级职称，没有更高的层级。", "The highest level is held; there is none above it."),
    )


def national_table(title: Text) -> Item:
    return Item(
        "national-table",
        Text(
            f"本地关于{title.zh}的年限规定本系统尚未掌握，此处按国家标准核对。",
            f"The local requirements for {title.en} are not known to us; the national ones are used here.",
        ),
    )


def not_known_to_us(title: Text) -> Item:
    return Item(
        "requirements-not-known",
        Text(
            f"{title.zh}的申报条件本系统尚未掌握，不视为申报人条件欠缺。",
            f"The requirements for {title.en} are not known to us; that is no gap of the applicant's.",
        ),
    )


def series_transfer(held: Text, title: Text) -> Item:
    return Item(
        "series-transfer",
        Text(
            f"现职称（{held.zh}）属其他系列；转系列申报{title.zh}的规定本系统尚未掌握。",
            f"The title held ({held.en}) is of another series; the rules for a change of series to {title.en} are not "
            "known to us.",
        ),
    )


def officer_confirms(what: str, title: Text) -> Item:
    """`what`: requirements, series-transfer or degree."""
    text = {
        "requirements": Text(
            f"{title.zh}的申报条件须由工作人员确认。", f"An officer confirms the requirements for {title.en}."
        ),
        "series-transfer": Text(
            f"转系列申报{title.zh}的条件须由工作人员确认。", f"An officer confirms the change of series to {title.en}."
        ),
        "degree": Text(
            "所填“其他”学历或专业是否符合要求，须由工作人员确认。",
            "An officer confirms whether the degree or field given as “other” fits.",
        ),
    }[what]
    return Item(f"officer-confirms-{what}", text)

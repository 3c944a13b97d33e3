"""The sentences of this road in Chinese and English, plain and the same for the same facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.equivalence.domain.names import day_en, day_zh, degree_name, level_name, month_en, month_zh, status_name
from services.equivalence.domain.values import Text


def no_certificate() -> Text:
    return Text(
        "未填报境外职业资格证书；本路径须持有C类证书。",
        "No overseas certificate was filed; the road needs one of class C.",
    )


def domestic_certificate() -> Text:
    return Text(
        "该证书为境内职业资格，本路径仅适用于境外职业资格证书。",
        "This is a certificate of the mainland; the road is for overseas ones.",
    )


def list_without_titles(version: str) -> Text:
    return Text(f"清单{version}版不与职称对应。", f"List {version} maps no certificate to a title.")


def row_without_title(name: Text, version: str, classes: Sequence[str]) -> Text:
    only = "、".join(classes)
    return Text(
        f"清单{version}版中，{name.zh}仅列入{only}类，{only}类不对应职称。",
        f"In list {version} this grade ({name.en}) is in class {' and '.join(classes)} only, which maps to no title.",
    )


def other_grade(abbr: str, name: Text, title: Text | None) -> Text:
    if title is None:
        return Text(
            f"同一证书中，{abbr}（{name.zh}）列入C类。",
            f"{abbr} ({name.en}) is the grade of this certificate in class C.",
        )
    return Text(
        f"同一证书中，{abbr}（{name.zh}）列入C类，对应{title.zh}。",
        f"{abbr} ({name.en}) is the grade of this certificate in class C; it maps to {title.zh} ({title.en}).",
    )


def not_listed(version: str) -> Text:
    return Text(
        f"清单{version}版C类的全部条目均已掌握，其中未列该证书的这一持证级别。",
        f"Class C of list {version}, all of whose rows are known to us, has no row of this certificate and grade.",
    )


def officer_confirms_row(version: str) -> Text:
    return Text(
        f"清单{version}版C类是否列有该证书的这一持证级别，本系统尚未掌握，须由工作人员确认。",
        f"Whether class C of list {version} has this certificate and grade is not known to us; an officer confirms it.",
    )


def officer_confirms_title(version: str) -> Text:
    return Text(
        f"该证书已列入清单{version}版C类，但所对应的职称本系统尚未掌握，须由工作人员确认。",
        f"The certificate is in class C of list {version}; its title is not known to us; an officer confirms it.",
    )


def certificate_verified() -> Text:
    return Text("证书须经核验属实。", "The certificate is verified.")


def certificate_lapsed(lapses: int) -> Text:
    return Text(
        f"证书已于{month_zh(lapses)}失效，收件时不在有效期内。",
        f"The certificate lapsed in {month_en(lapses)}, before the application was received.",
    )


def certificate_valid(lapses: int) -> Text:
    return Text(
        f"证书于收件当月（{month_zh(lapses)}）到期，须证明收件之日仍在有效期内。",
        f"The certificate lapses in the month of receipt ({month_en(lapses)}); it has to be shown valid on that day.",
    )


def certificate_lapses(lapses: int) -> Text:
    return Text(
        f"证书将于{month_zh(lapses)}到期，请在考核认定前办妥续期。",
        f"The certificate lapses in {month_en(lapses)}; renew it before the committee assesses.",
    )


def certificate_not_issued(issued: int) -> Text:
    return Text(
        f"证书于{month_zh(issued)}签发，晚于收件日期。",
        f"The certificate was issued in {month_en(issued)}, after the application was received.",
    )


def earlier_round() -> Text:
    return Text(
        "已参加过此前批次的考核认定，按规定不再参加本批次。",
        "Took part in an earlier round whose participants this round does not take.",
    )


def earlier_rounds_not_known() -> Text:
    return Text(
        "已填报参加过此前批次；所见文本未说明本批次是否接收参加过此前批次的人员。",
        "Earlier rounds were named; no text seen says whether this round takes their participants.",
    )


def employer_kind() -> Text:
    return Text(
        "所见规定未列明该类用人单位，须由工作人员确认。",
        "The rules seen by us do not name this kind of employer; an officer confirms it.",
    )


def free_post(*, stated: bool) -> Text:
    if stated:
        return Text(
            "所填情况为：单位岗位结构比例内没有空缺岗位。",
            "As stated, the public institution has no free post in its structure.",
        )
    return Text(
        "须由所在事业单位说明岗位结构比例内有空缺岗位。",
        "The public institution has to state that its structure has a free post.",
    )


def superior_consent(*, stated: bool) -> Text:
    if stated:
        return Text(
            "所填情况为：尚未取得上级主管部门同意。", "As stated, the superior department has not consented so far."
        )
    return Text("须提供上级主管部门同意申报的意见。", "The consent of the superior department has to be stated.")


def one_level_above(level: str, current: str) -> Text:
    return Text(
        f"事业单位人员的申报层级最多高于现职称（{level_name(current).zh}）一级，{level_name(level).zh}超出这一范围。",
        f"Staff of public institutions go one level above the current title ({level_name(current).en}); "
        f"{level_name(level).en} is more.",
    )


def current_title() -> Text:
    return Text(
        "须填报现职称：事业单位人员的申报层级最多高于现职称一级。",
        "The current title has to be stated: staff of public institutions go one level above it.",
    )


def capped(level: str) -> Text:
    return Text(
        f"事业单位人员的申报层级最多高于现职称一级，本次最高可申报{level_name(level).zh}。",
        f"Staff of public institutions go one level above the current title: up to {level_name(level).en}.",
    )


def local_experience(have: int, need: int) -> Text:
    return Text(
        f"一般须在本市从事相关专业工作满{need}个月，现计{have}个月；是否符合要求，须由工作人员确认。",
        f"Normally {need} months of work in Shanghai in the field are needed; {have} are counted. An officer says "
        "whether they are enough.",
    )


def works_in_shanghai() -> Text:
    return Text("须证明收件时在本市就业。", "Work in Shanghai at the time of receipt has to be shown.")


def degree(need: str, *, filed: bool) -> Text:
    name = degree_name(need)
    zh, en = f"须具有{name.zh}及以上学位", f"at least a degree of {name.en} is needed"
    if filed:
        return Text(f"所填学历未达到要求，{zh}。", f"The degrees named do not reach it: {en}.")
    return Text(f"未填报学历，{zh}。", f"No degree was named: {en}.")


def officer_confirms_degree() -> Text:
    return Text(
        "所填“其他”学历相当于何种学位，须由工作人员确认。",
        "An officer confirms which degree the one given as “other” is equal to.",
    )


def degree_field(*, filed: bool) -> Text:
    if filed:
        return Text(
            "申报工程系列职称须具有理工科学历，所填学历均非理工科。",
            "An engineering title needs a science or engineering degree; none of those named is one.",
        )
    return Text(
        "申报工程系列职称须具有理工科学历，未填报学历。",
        "An engineering title needs a science or engineering degree; no degree was named.",
    )


def officer_confirms_degree_field() -> Text:
    return Text(
        "所填“其他”专业是否属于理工科，须由工作人员确认。",
        "An officer confirms whether the field given as “other” is science or engineering.",
    )


def degree_of_another_field() -> Text:
    return Text(
        "最高学历非理工科，另有较低的理工科学历；所见文本未说明年限按哪一学历计算，此处按最高学历计算。",
        "The highest degree is not in science or engineering, a lower one is; no text says which of them sets the "
        "years. The highest does here.",
    )


def years(level: str, have: int, need: int, until: date) -> Text:
    name = level_name(level)
    return Text(
        f"申报{name.zh}须从事相关专业工作满{need}年，截至{day_zh(until)}计{have}年。",
        f"For the {name.en}: {have} of {need} years counted to {day_en(until)}.",
    )


def years_counted(months: int, until: date) -> Text:
    return Text(
        f"截至{day_zh(until)}，从事证书相关专业工作计{months // 12}年{months % 12}个月（时间重叠的不重复计算）。",
        f"Work in the field to {day_en(until)}: {months // 12} years {months % 12} months, overlaps counted once.",
    )


def shanghai_counted(months: int, until: date) -> Text:
    return Text(
        f"其中在本市从事相关专业工作，截至{day_zh(until)}计{months}个月。",
        f"Of these in Shanghai, to {day_en(until)}: {months} months.",
    )


def open_work_counted(until: date) -> Text:
    return Text(
        f"目前在职的工作按持续至{day_zh(until)}计算；如提前结束，须重新计算。",
        f"Work that goes on is counted to {day_en(until)}; should it end sooner, the count changes.",
    )


def work_before_degree(months: int) -> Text:
    return Text(
        f"其中{months}个月早于取得该学历的年份；所见文本未说明取得学历前的工作年限是否计入，此处暂予计入。",
        f"{months} of these months lie before the year of the degree; the texts seen do not say whether they count; "
        "they are counted here.",
    )


def ladder_reached(level: str | None) -> Text:
    if level is None:
        return Text("所填学历和年限尚未达到最低一级的要求。", "Degree and years do not yet reach the lowest level.")
    return Text(
        f"按学历和年限，最高可达{level_name(level).zh}。", f"Degree and years reach the {level_name(level).en}."
    )


def next_level(level: str, have: int, need: int | None) -> Text:
    name = level_name(level)
    if need is None:
        return Text(f"申报{name.zh}须具有更高学历。", f"The {name.en} needs a higher degree.")
    return Text(f"申报{name.zh}须满{need}年，现计{have}年。", f"The {name.en} needs {need} years; {have} are counted.")


def row_known(version: str, name: Text, classes: Sequence[str], title: Text | None, level: str = "") -> Text:
    zh = f"清单{version}版：{name.zh}，列入{'、'.join(classes)}类"
    en = f"List {version}: {name.en}, in class {', '.join(classes)}"
    if title is None:
        return Text(f"{zh}。", f"{en}.")
    return Text(
        f"{zh}；C类对应{title.zh}（{level_name(level).zh}）。",
        f"{en}; class C maps to {title.zh} ({title.en}, {level_name(level).en}).",
    )


def target_differs(title: Text) -> Text:
    return Text(
        f"所填申报职称与该证书对应的{title.zh}不一致，本路径以证书对应的职称为准。",
        f"The title named is not the one that this certificate leads to, {title.zh} ({title.en}); this road answers "
        "for the latter.",
    )


def title_held(title: Text) -> Text:
    return Text(f"已具有{title.zh}或更高层级的职称。", f"{title.zh} ({title.en}) or a higher title is held already.")


def certificate_name(certificate: str) -> Text:
    """A certificate of which no row gives the name: by its id, which is its abbreviation."""
    if certificate == "unlisted":
        return Text("未能识别的证书", "one that was not recognised")
    return Text(certificate.upper(), certificate.upper())


def other_certificate(name: Text, status: str, reason: Text | None) -> Text:
    said = status_name(status)
    zh = f"另一证书（{name.zh}）：{said.zh}"
    en = f"Another certificate ({name.en}): {said.en}"
    if reason is None:
        return Text(f"{zh}。", f"{en}.")
    return Text(f"{zh}。{reason.zh}", f"{en}. {reason.en}")


def committee() -> Text:
    return Text(
        "由专门的考核认定委员会进行考核认定，持有证书并不自动取得职称。",
        "A dedicated committee assesses the person; the certificate alone gives no title.",
    )


def no_list_entry() -> Text:
    return Text(
        "补充清单的条目本系统尚未掌握；如有其他来源的同类安排，另行列明。",
        "No entry of the supplementary list is known to us; an arrangement of the same shape from elsewhere, if "
        "there is one, is shown apart.",
    )

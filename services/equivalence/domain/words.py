"""The sentences of this road in Chinese and English, plain and the same for the same facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.equivalence.domain.names import day_en, day_zh, degree_name, level_name, month_en, month_zh, status_name
from services.equivalence.domain.values import Text


def no_certificate() -> Text:
    return Text(
        "未填报境外职业资格证书，本路径须持C类证书。",
        "No overseas certificate was filed; the road needs one of class C.",
    )


def list_without_titles(version: str) -> Text:
    return Text(f"清单{version}不与职称对应。", f"List {version} maps no certificate to a title.")


def row_without_title(name: Text, version: str, classes: Sequence[str]) -> Text:
    only = "、".join(classes)
    return Text(
        f"清单{version}中，{name.zh}仅列入{only}类，不对应职称。",
        f"In list {version} this grade ({name.en}) is in class {' and '.join(classes)} only, which maps to no title.",
    )


def other_grade(abbr: str, name: Text, title: Text | None) -> Text:
    if title is None:
        return Text(
            f"同一证书的{abbr}（{name.zh}）列入C类。",
            f"{abbr} ({name.en}) is the grade in class C.",
        )
    return Text(
        f"同一证书的{abbr}（{name.zh}）列入C类，对应{title.zh}。",
        f"{abbr} ({name.en}) is the grade of this certificate in class C; it maps to {title.zh} ({title.en}).",
    )


def not_listed(version: str) -> Text:
    return Text(
        f"清单{version}的C类全部条目中没有该证书和持证级别。",
        f"Class C of list {version}, all of whose rows are known to us, has no row of this certificate and grade.",
    )


def officer_confirms_row(version: str) -> Text:
    return Text(
        f"清单{version}中该证书和持证级别的C类条目我方尚不掌握，须由工作人员确认。",
        f"Whether class C of list {version} has this certificate and grade is not known to us; an officer confirms it.",
    )


def officer_confirms_title(version: str) -> Text:
    return Text(
        f"该证书列入清单{version}的C类，但对应的职称我方尚不掌握，须由工作人员确认。",
        f"The certificate is in class C of list {version}; its title is not known to us; an officer confirms it.",
    )


def certificate_verified() -> Text:
    return Text("证书经核验属实。", "The certificate is verified.")


def certificate_lapsed(lapses: int) -> Text:
    return Text(
        f"证书已于{month_zh(lapses)}失效，早于收件日。",
        f"The certificate lapsed in {month_en(lapses)}, before the application was received.",
    )


def certificate_valid(lapses: int) -> Text:
    return Text(
        f"证书在收件当月（{month_zh(lapses)}）失效，须证明收件日仍有效。",
        f"The certificate lapses in the month of receipt ({month_en(lapses)}); it has to be shown valid on that day.",
    )


def certificate_lapses(lapses: int) -> Text:
    return Text(
        f"证书将于{month_zh(lapses)}失效，请在考核认定前续期。",
        f"The certificate lapses in {month_en(lapses)}; renew it before the committee assesses.",
    )


def certificate_not_issued(issued: int) -> Text:
    return Text(
        f"证书签发于{month_zh(issued)}，晚于收件日。",
        f"The certificate was issued in {month_en(issued)}, after the application was received.",
    )


def earlier_round() -> Text:
    return Text(
        "已参加过此前批次的考核认定，本批次不能参加。",
        "Took part in an earlier round whose participants this round does not take.",
    )


def employer_kind() -> Text:
    return Text(
        "用人单位类型不在所见规定之列，须由工作人员确认。",
        "The kind of employer is none that the rules seen by us name; an officer confirms it.",
    )


def free_post(*, stated: bool) -> Text:
    if stated:
        return Text("事业单位岗位结构比例内没有空岗。", "The public institution has no free post in its structure.")
    return Text(
        "须说明事业单位岗位结构比例内有空岗。",
        "A free post in the institution's structure has to be stated.",
    )


def superior_consent(*, stated: bool) -> Text:
    if stated:
        return Text("上级主管部门未同意。", "The superior department has not consented.")
    return Text("须说明上级主管部门同意。", "The consent of the superior department has to be stated.")


def one_level_above(level: str, current: str) -> Text:
    return Text(
        f"事业单位人员只能比现职称（{level_name(current).zh}）高一级，{level_name(level).zh}超出一级。",
        f"Staff of public institutions go one level above the current title ({level_name(current).en}); "
        f"{level_name(level).en} is more.",
    )


def current_title() -> Text:
    return Text(
        "须说明现职称：事业单位人员只能比现职称高一级。",
        "The current title has to be stated: staff of public institutions go one level above it.",
    )


def capped(level: str) -> Text:
    return Text(
        f"事业单位人员只能比现职称高一级，本次最高为{level_name(level).zh}。",
        f"Staff of public institutions go one level above the current title: up to {level_name(level).en}.",
    )


def local_experience(have: int, need: int) -> Text:
    return Text(
        f"一般应在本市从事相关专业工作满{need}个月，现计{have}个月，是否接受须由工作人员确认。",
        f"Normally {need} months of work in Shanghai in the field; {have} are counted, an officer says if they do.",
    )


def works_in_shanghai() -> Text:
    return Text("须证明收件时在本市工作。", "Work in Shanghai at the time of receipt has to be shown.")


def degree(need: str) -> Text:
    name = degree_name(need)
    return Text(f"学历须达到{name.zh}。", f"Needs a {name.en} degree at least.")


def degree_field() -> Text:
    return Text("申报工程系列职称须有理工科学历。", "An engineering title needs a science or engineering degree.")


def degree_of_another_field() -> Text:
    return Text(
        "所用学历非理工科；另有理工科学历。所见文本未说明年限按哪一学历计算。",
        "The highest degree is not in science or engineering, a lower one is; no text says which sets the years.",
    )


def years(have: int, need: int, until: date) -> Text:
    return Text(
        f"截至{day_zh(until)}计{have}年，需{need}年。",
        f"{have} of {need} years counted to {day_en(until)}",
    )


def years_counted(months: int, until: date) -> Text:
    return Text(
        f"截至{day_zh(until)}，证书相关专业工作计{months // 12}年{months % 12}个月（重叠只计一次）。",
        f"Work in the field to {day_en(until)}: {months} months, overlaps counted once.",
    )


def shanghai_counted(months: int, until: date) -> Text:
    return Text(
        f"其中截至{day_zh(until)}在本市计{months}个月。", f"Of these in Shanghai, to {day_en(until)}: {months} months."
    )


def open_work_counted(until: date) -> Text:
    return Text(
        f"在职工作按持续至{day_zh(until)}计算；如提前结束须重新计算。",
        f"Work that goes on is counted to {day_en(until)}; should it end sooner, the count changes.",
    )


def work_before_degree(months: int) -> Text:
    return Text(
        f"其中{months}个月早于该学历取得年份；所见文本未说明取得学历前的年限是否计入，此处已计入。",
        f"{months} of these months lie before the year of the degree; the texts seen do not say whether they count; "
        "they are counted here.",
    )


def ladder_reached(level: str | None) -> Text:
    if level is None:
        return Text("学历和年限尚未达到最低一级。", "Degree and years do not yet reach the lowest level.")
    return Text(f"学历和年限可达{level_name(level).zh}。", f"Degree and years reach the {level_name(level).en}.")


def next_level(level: str, have: int, need: int | None) -> Text:
    name = level_name(level)
    if need is None:
        return Text(f"{name.zh}所需学历更高。", f"The {name.en} needs a higher degree.")
    return Text(f"{name.zh}需{need}年，现计{have}年。", f"The {name.en} needs {need} years; {have} are counted.")


def row_known(version: str, name: Text, classes: Sequence[str], title: Text | None, level: str = "") -> Text:
    zh = f"清单{version}：{name.zh}，列入{'、'.join(classes)}类"
    en = f"List {version}: {name.en}, in class {', '.join(classes)}"
    if title is None:
        return Text(f"{zh}。", f"{en}.")
    return Text(
        f"{zh}；C类对应{title.zh}（{level_name(level).zh}）。",
        f"{en}; class C maps to {title.zh} ({title.en}, {level_name(level).en}).",
    )


def target_differs(title: Text) -> Text:
    return Text(
        f"所填目标与该证书对应的{title.zh}不同，以证书对应为准。",
        f"The target named is not what this certificate leads to ({title.zh}, {title.en}).",
    )


def title_held(title: Text) -> Text:
    return Text(f"已有{title.zh}同级或更高职称。", f"A title as high as {title.zh} ({title.en}) is held already.")


def other_certificate(certificate: str, grade: str, status: str, reason: Text | None) -> Text:
    said = status_name(status)
    zh = f"另一证书（{certificate}，{grade}）：{said.zh}"
    en = f"Another certificate ({certificate}, {grade}): {said.en}"
    if reason is None:
        return Text(f"{zh}。", f"{en}.")
    return Text(f"{zh}：{reason.zh}", f"{en}: {reason.en}")


def committee() -> Text:
    return Text(
        "由专门考核认定委员会考核认定，证书不自动取得职称。",
        "A dedicated committee assesses the person; the certificate alone gives no title.",
    )


def no_list_entry() -> Text:
    return Text(
        "补充清单的条目我方尚不掌握；所列为其他来源的类似安排。",
        "No entry of the supplementary list is known to us; real arrangements of the same shape are shown apart.",
    )

from xml.etree import ElementTree

from benchmarks.svg import chart


def test_a_chart_is_one_document_with_a_line_per_name() -> None:
    drawn = ElementTree.fromstring(  # noqa: S314 - our own text
        chart("A & B", "clients", "per second", {"one <1>": [(1, 40.0), (64, 800.0)], "two": []}, log_x=True)
    )

    lines = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [2, 0]
    assert "one <1>" in "".join(drawn.itertext())


def test_a_chart_of_nothing_can_be_drawn() -> None:
    assert chart("empty", "x", "y", {}).startswith("<svg")

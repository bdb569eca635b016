from stemdist_ray.comparison.markdown import markdown_table


def test_table():
    assert markdown_table(("", "a"), [("x", "1"), ("y", "2")]) == [
        "|  | a |",
        "|---|---|",
        "| x | 1 |",
        "| y | 2 |",
    ]


def test_short_rows_are_filled_and_bars_stay_in_their_cell():
    assert markdown_table(("a", "b"), [("p|q",)])[2] == r"| p\|q |  |"

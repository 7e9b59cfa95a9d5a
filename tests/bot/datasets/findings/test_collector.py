"""The bounds on what is grouped."""

from bot.datasets.findings.collector import MAX_GROUPS, FindingCollector, Problem


def test_hostile_keys_make_no_more_groups_than_are_held() -> None:
    collector = FindingCollector()
    for i in range(10_000):
        collector.add(Problem("keys-left-out", f"key{i}"), lines=(i + 1,))
    assert len(collector.findings()) <= MAX_GROUPS + 1
    assert sum(f.count for f in collector.findings()) == 10_000


def test_a_file_has_one_likely_encoding_and_a_few_rows_of_another_language_outvote_the_common_one() -> None:
    collector = FindingCollector()
    for line, codec in enumerate(["cp1252", "cp1250", "cp1252", "", "cp1250"], 1):
        collector.add(Problem("not-utf8", codec, detail=f" It looks like {codec}."), lines=(line,))
    [finding] = collector.findings()
    assert (finding.field, finding.count, finding.lines) == ("cp1250", 5, (1, 2, 3, 4, 5))


def test_a_stray_row_does_not_decide_the_encoding() -> None:
    collector = FindingCollector()
    collector.add(Problem("not-utf8", "cp1250"), lines=(1,))
    collector.add(Problem("not-utf8", "cp1252"), lines=(2,), count=20)
    [finding] = collector.findings()
    assert (finding.field, finding.count) == ("cp1252", 21)

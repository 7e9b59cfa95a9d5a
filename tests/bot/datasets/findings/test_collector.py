"""The bounds on what is grouped."""

from bot.datasets.findings.collector import MAX_GROUPS, FindingCollector, Problem


def test_hostile_keys_make_no_more_groups_than_are_held() -> None:
    collector = FindingCollector()
    for i in range(10_000):
        collector.add(Problem("keys-left-out", f"key{i}"), lines=(i + 1,))
    assert len(collector.findings()) <= MAX_GROUPS + 1
    assert sum(f.count for f in collector.findings()) == 10_000

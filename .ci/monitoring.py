"""Writes the Grafana dashboard and the alert rules in .github/monitoring/ from the code's own list of metrics.

`.venv/bin/python .ci/monitoring.py` writes both files. With --check it writes nothing, and ends with 1 if one of
them differs.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".github" / "monitoring"
sys.path.insert(0, str(ROOT))

from bot.runtime.metrics import Family, Metrics  # noqa: E402 - found in the repository of this file

# Alert, expression, how long it must be true, severity, what it means and what to do.
ALERTS: Final = (
    (
        "TunebotDown",
        'absent(tunebot_build_info) or up{job="tunebot"} == 0',
        "5m",
        "critical",
        "Prometheus does not reach the bot.",
        "Look at the log of the process. `tunebot doctor` says what cannot work.",
    ),
    (
        "TunebotSlackDisconnected",
        "tunebot_slack_connected == 0",
        "10m",
        "critical",
        "Slack cannot reach the bot, so nobody is answered.",
        "See `/healthz`, and run `tunebot doctor`.",
    ),
    (
        "TunebotPollingStopped",
        "time() - tunebot_polling_last_success_timestamp_seconds > 600",
        "5m",
        "critical",
        "No polling round has ended without an error for ten minutes: cards do not move.",
        "The log names the error of the round.",
    ),
    (
        "TunebotOutboxStuck",
        "tunebot_outbox_oldest_age_seconds > 900",
        "5m",
        "warning",
        "A message to Slack has waited for more than fifteen minutes.",
        "The log names why Slack does not take it.",
    ),
    (
        "TunebotBackupsFail",
        'increase(tunebot_backups_total{outcome="failed"}[1h]) > 0',
        "30m",
        "warning",
        "The database cannot be copied to where TUNEBOT_BACKUP_TO says.",
        "The log names why, as `backup.failed`.",
    ),
    (
        "TunebotGoogleErrors",
        'sum by (api, method, status) (rate(tunebot_google_requests_total{status=~"4..|5..|none"}[15m])) > 0.1',
        "15m",
        "warning",
        "Google refuses requests, or does not answer.",
        "Run `tunebot doctor`: it checks credentials, permissions and the bucket.",
    ),
    (
        "TunebotSlackErrors",
        'sum by (method, error) (rate(tunebot_slack_calls_total{error!=""}[15m])) > 0.1',
        "15m",
        "warning",
        "Slack refuses calls.",
        "The label `error` is Slack's word; `missing_scope` needs the app to be installed again.",
    ),
    (
        "TunebotJobsFail",
        'sum(increase(tunebot_jobs_ended_total{outcome="failed"}[6h]))'
        ' > 3 and sum(increase(tunebot_jobs_ended_total{outcome="succeeded"}[6h])) == 0',
        "0m",
        "warning",
        "Several tunings failed within six hours, and none succeeded.",
        "Each card says why; `job.failed` in the log has the code.",
    ),
    (
        "TunebotSlowAcknowledgements",
        "histogram_quantile(0.99, sum by (le) (rate(tunebot_acknowledgement_duration_seconds_bucket[10m]))) > 2",
        "10m",
        "warning",
        "Slack waits for more than two seconds; after three, people see an error.",
        "The machine may be overloaded.",
    ),
)
SECONDS: Final = "s"


def alert_rules() -> str:
    """Return the rules as YAML, whose values are quoted as JSON, which is YAML too."""
    lines = [
        "# Written by .ci/monitoring.py: change the alerts there.",
        "groups:",
        "  - name: tunebot",
        "    rules:",
    ]
    for name, expression, lasting, severity, summary, description in ALERTS:
        lines += [
            f"      - alert: {name}",
            f"        expr: {json.dumps(expression)}",
            f"        for: {lasting}",
            "        labels:",
            f"          severity: {severity}",
            "        annotations:",
            f"          summary: {json.dumps(summary)}",
            f"          description: {json.dumps(description)}",
        ]
    return "\n".join(lines) + "\n"


def dashboard() -> str:
    """Return the dashboard: a panel for each metric, in the code's order."""
    panels = [panel(number, family) for number, family in enumerate(Metrics().families())]
    board = {
        "title": "Tunebot",
        "uid": "tunebot",
        "tags": ["tunebot"],
        "schemaVersion": 39,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }
    return json.dumps(board, indent=2) + "\n"


def panel(number: int, family: Family) -> dict[str, Any]:
    """Return the panel of one metric: rates of counters, quantiles of histograms, gauges as they are."""
    labels = [name for name in family.labels if name not in ("python", "version")]
    by = f" by ({', '.join(labels)})" if labels else ""
    legend = " ".join(f"{{{{{name}}}}}" for name in labels)
    unit = SECONDS if family.name.endswith("_seconds") else "short"
    match family.type:
        case "counter":
            queries = [(f"sum{by} (rate({family.name}_total[$__rate_interval]))", legend or "per second")]
            unit = "ops"
        case "histogram":
            grouped = ", ".join(["le", *labels])
            rate = f"sum by ({grouped}) (rate({family.name}_bucket[$__rate_interval]))"
            queries = [
                (f"histogram_quantile({share}, {rate})", f"{legend} p{share * 100:.0f}".strip())
                for share in (0.5, 0.95)
            ]
        case _ if family.name.endswith("_timestamp_seconds"):
            queries = [(f"time() - {family.name}", "ago")]
        case _:
            queries = [(family.name, legend or family.name)]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": family.meaning.rstrip("."),
        "description": family.name,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": "AB"[index], "expr": expression, "legendFormat": shown}
            for index, (expression, shown) in enumerate(queries)
        ],
    }


def main(words: list[str]) -> int:
    """Write or check both files; returns the exit status."""
    status = 0
    for name, text in (("alerts.yml", alert_rules()), ("dashboard.json", dashboard())):
        path = FOLDER / name
        if words != ["--check"]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.relative_to(ROOT)} differs: .venv/bin/python .ci/monitoring.py")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

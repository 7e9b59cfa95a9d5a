"""Slack's rules on Block Kit: pure checks over JSON, with the limits of docs.slack.dev."""

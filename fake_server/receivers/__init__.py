"""Stand-ins for those who receive an answer while it streams: a Slack workspace, a webhook."""

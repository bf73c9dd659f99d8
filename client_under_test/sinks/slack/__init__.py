"""Slack: a message that is edited (:class:`SlackMessage`), Slack's own streaming (:class:`SlackStream`), and a message
that one person sees (:class:`SlackEphemeral`). Needs the extra ``slack``.
"""

from client_under_test.sinks.slack.ephemeral import SlackEphemeral
from client_under_test.sinks.slack.form import MARKDOWN, MRKDWN, Form
from client_under_test.sinks.slack.message import SlackMessage
from client_under_test.sinks.slack.stream import SlackStream

__all__ = ["MARKDOWN", "MRKDWN", "Form", "SlackEphemeral", "SlackMessage", "SlackStream"]

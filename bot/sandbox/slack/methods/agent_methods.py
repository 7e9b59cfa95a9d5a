"""``agents.sessions.setStatus``, and the prompts that an agent suggests.

Source: https://docs.slack.dev/ai/agent-sessions/
"""

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.events_api import SESSION_STOPPED
from bot.sandbox.slack.records import AgentSession, Json
from bot.sandbox.slack.refusals import SlackError

STATUSES = ("active", "processing", "suspended", "closed")


def set_session_status(call: Call) -> Json:
    """Set a session's status, creating the session where there is none; the title counts only then."""
    status, key = call.required("status"), _thread(call)
    if status not in STATUSES:
        raise SlackError("invalid_arguments", messages=[f"[ERROR] invalid status: {status}"])
    session = call.workspace.agent_sessions.get(key)
    if session is None:
        session = call.workspace.agent_sessions[key] = AgentSession(status, call.text("title"))
    session.status = status
    call.workspace.changed()
    answer: Json = {"ok": True, "agent_status": status, "title": session.title}
    if status == "processing" and not call.app.subscribes(SESSION_STOPPED):
        answer["warning"] = "missing_agent_session_stopped_event_subscription"
    return answer


def _thread(call: Call) -> tuple[str, str]:
    channel = call.channel("channel_id")
    if not call.text("thread_ts"):
        # Direct messages with an agent are one session: the method's thread_ts is optional.
        return channel.id, ""
    root = channel.message(call.required("thread_ts"))
    if root is None:
        raise SlackError("thread_not_found")
    return channel.id, root.thread_ts or root.ts


def set_suggested_prompts(call: Call) -> Json:
    """Offer up to four things to say."""
    prompts = call.data("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
        raise SlackError("invalid_arguments")
    channel, thread_ts = call.channel("channel_id"), call.text("thread_ts")
    if thread_ts and channel.message(thread_ts) is None:
        raise SlackError("thread_not_found")
    call.workspace.suggested_prompts[channel.id, thread_ts] = prompts
    call.workspace.changed()
    return {"ok": True}

"""``agents.sessions.*`` and the older ``assistant.threads.*``: what an agent is doing in a thread.

Source: https://docs.slack.dev/ai/agent-sessions/
"""

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.events_api import SESSION_STOPPED
from bot.sandbox.slack.records import AgentSession, Json
from bot.sandbox.slack.refusals import SlackError

STATUSES = ("active", "processing", "suspended", "closed")
TITLE = 200


def set_session_status(call: Call) -> Json:
    """Set a session's status, creating the session where there is none; the title counts only then."""
    status, key = call.required("status"), _thread(call)
    if status not in STATUSES:
        raise SlackError("invalid_arguments", messages=[f"[ERROR] invalid status: {status}"])
    session = call.workspace.agent_sessions.get(key)
    if session is None:
        session = call.workspace.agent_sessions[key] = AgentSession(status, _title(call, least=0))
    session.status = status
    call.workspace.changed()
    answer: Json = {"ok": True, "agent_status": status, "title": session.title}
    if status == "processing" and not call.app.subscribes(SESSION_STOPPED):
        answer["warning"] = "missing_agent_session_stopped_event_subscription"
    return answer


def rename_session(call: Call) -> Json:
    """Give a session another title."""
    session = call.workspace.agent_sessions.get(_thread(call))
    if session is None:
        raise SlackError("session_not_found")
    session.title = _title(call, least=1)
    call.workspace.changed()
    return {"ok": True, "title": session.title}


def _title(call: Call, *, least: int) -> str:
    title = call.text("title")
    if not least <= len(title) <= TITLE:
        raise SlackError("invalid_arguments", messages=["[ERROR] title must be 1 to 200 characters"])
    return title


def _thread(call: Call) -> tuple[str, str]:
    channel = call.channel("channel_id")
    if not call.text("thread_ts"):
        # Direct messages with an agent are one session: the method's thread_ts is optional.
        return channel.id, ""
    root = channel.message(call.required("thread_ts"))
    if root is None:
        raise SlackError("thread_not_found")
    return channel.id, root.thread_ts or root.ts


def set_status(call: Call) -> Json:
    """Show "is thinking..." in a thread; the next message there takes it away."""
    return _keep(call, "status", call.text("status"))


def set_title(call: Call) -> Json:
    """Name an assistant thread."""
    return _keep(call, "title", call.required("title"))


def set_suggested_prompts(call: Call) -> Json:
    """Offer up to four things to say."""
    prompts = call.data("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
        raise SlackError("invalid_arguments")
    return _keep(call, "prompts", prompts)


def _keep(call: Call, name: str, value: object) -> Json:
    channel = call.channel("channel_id")
    thread_ts = call.text("thread_ts")
    if thread_ts and channel.message(thread_ts) is None:
        raise SlackError("thread_not_found")
    thread = call.workspace.assistant_threads.setdefault((channel.id, thread_ts), {})
    thread[name] = value
    if not value:
        del thread[name]
    call.workspace.changed()
    return {"ok": True}

"""What messages say, in English and Chinese. Plain text: it reads everywhere, and a link in it hides nothing."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.invitation import Invitation
from domain.user import User

if TYPE_CHECKING:
    from datetime import datetime

LEFT_OUT = "…"  # stands for a link's secret where a message is shown to managers

WORDS: dict[tuple[str, str], tuple[str, str]] = {
    (Invitation.Issued.TOPIC, "en"): (
        "You are invited to {organization}",
        """Hello{name},

you are invited to {organization}. To accept, open this link and confirm:

{link}

The link works once and until {until} (UTC). If you did not expect this
message, you need not do anything.
""",
    ),
    (Invitation.Issued.TOPIC, "zh"): (
        "邀请您加入 {organization}",
        """您好{name}：

您受邀加入 {organization}。请打开以下链接并确认接受邀请：

{link}

该链接仅可使用一次，有效期至 {until}（UTC）。如果您并未预料到此邮件，无需进行任何操作。
""",
    ),
    (User.EmailVerificationRequested.TOPIC, "en"): (
        "Confirm your e-mail address for {organization}",
        """Hello{name},

please confirm that this is your e-mail address at {organization}:

{link}

The link works once and until {until} (UTC). If you did not expect this
message, you need not do anything.
""",
    ),
    (User.EmailVerificationRequested.TOPIC, "zh"): (
        "请确认您在 {organization} 的邮箱地址",
        """您好{name}：

请打开以下链接，确认这是您在 {organization} 的邮箱地址：

{link}

该链接仅可使用一次，有效期至 {until}（UTC）。如果您并未预料到此邮件，无需进行任何操作。
""",
    ),
}
ALIKE = {Invitation.Resent.TOPIC: Invitation.Issued.TOPIC}
NAMED = {"en": " {name}", "zh": "，{name}"}


@dataclass(frozen=True)
class Worded:
    """A message, and its text as managers may read it: without the secret."""

    subject: str
    body: str
    shown: str


def worded(
    topic: str, *, locale: str | None, organization: str, name: str | None, link: str, expires_at: datetime
) -> Worded:
    """Return the message that an event asks for, in the language of a locale: Chinese for zh, else English."""
    language = "zh" if (locale or "").lower().partition("-")[0] == "zh" else "en"
    subject, body = WORDS[ALIKE.get(topic, topic), language]
    facts = {
        "organization": organization,
        "name": NAMED[language].format(name=name) if name else "",
        "until": f"{expires_at:%Y-%m-%d %H:%M}",
    }
    secret = link.partition("token=")[2]
    return Worded(
        subject=subject.format(**facts, link=link),
        body=body.format(**facts, link=link),
        shown=body.format(**facts, link=link.replace(secret, LEFT_OUT)),
    )

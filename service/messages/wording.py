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
CODES: dict[tuple[str, str], tuple[str, str]] = {
    ("email", "en"): (
        "{code} is your verification code for {organization}",
        """Hello,

your verification code for {organization} is:

{code}

It is good for {minutes} minutes, {purpose}. Nobody who works
for {organization} will ever ask you for it. If you did not expect this
message, you need not do anything.
""",
    ),
    ("email", "zh"): (
        "{organization} 验证码：{code}",
        """您好：

您在 {organization} 的验证码是：

{code}

{purpose}，{minutes} 分钟内有效。{organization} 的工作人员绝不会向您索要验证码。
如果您并未预料到此邮件，无需进行任何操作。
""",
    ),
    ("sms", "en"): ("", "{code} is your code for {organization}, {purpose}, good for {minutes} minutes. Tell nobody."),
    ("sms", "zh"): ("", "{organization} 验证码：{code}，{purpose}，{minutes} 分钟内有效，请勿告知他人。"),
}
"""What a code is sent in, by channel and language. A text message has no subject."""
PURPOSES = {
    ("generic", "en"): "to confirm this address",
    ("generic", "zh"): "用于确认此联系方式",
    ("account", "en"): "to make this address part of your account",
    ("account", "zh"): "用于将此联系方式添加到您的账户",
    ("sign-in", "en"): "to sign in",
    ("sign-in", "zh"): "用于登录",
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
    language = _language(locale)
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


def worded_code(
    purpose: str, channel: str, *, locale: str | None, organization: str, code: str, minutes: int
) -> Worded:
    """Return the message that brings a code, in the language of a locale: Chinese for zh, else English."""
    language = _language(locale)
    subject, body = CODES[channel, language]
    facts = {"organization": organization, "minutes": minutes, "purpose": PURPOSES[purpose, language]}
    return Worded(
        subject=subject.format(**facts, code=code),
        body=body.format(**facts, code=code),
        shown=body.format(**facts, code=LEFT_OUT),
    )


def _language(locale: str | None) -> str:
    return "zh" if (locale or "").lower().partition("-")[0] == "zh" else "en"

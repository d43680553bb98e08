"""What the pages say, in each language. A page looks its words up by name; a name that is missing is an error."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own
from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "invitation_title": "You are invited to {organization}",
        "invitation_text": "Accept to use your account at {organization} with the address {email}.",
        "invitation_button": "Accept the invitation",
        "invitation_done_title": "Welcome to {organization}",
        "invitation_done_text": "You have accepted the invitation, and your account is ready.",
        "verification_title": "Is this your e-mail address?",
        "verification_text": "Confirm that {email} is your address at {organization}.",
        "verification_button": "Yes, this is my address",
        "verification_done_title": "Thank you",
        "verification_done_text": "Your e-mail address is confirmed.",
        "go_on": "Continue",
        "close": "You may close this page.",
        "gone_title": "This link does not work",
        "gone_text": "It may have been used already, replaced by a newer one, called back, or it has expired. "
        "Ask whoever sent it to you for another one.",
        "failed_title": "That did not work",
        "failed_text": "The service cannot answer right now. Please try again in a moment.",
        "reference": "Reference: {id}",
    },
    "zh": {
        "invitation_title": "邀请您加入 {organization}",
        "invitation_text": "接受邀请后，即可使用邮箱 {email} 在 {organization} 的账户。",
        "invitation_button": "接受邀请",
        "invitation_done_title": "欢迎加入 {organization}",
        "invitation_done_text": "您已接受邀请，账户现已可用。",
        "verification_title": "这是您的邮箱地址吗？",
        "verification_text": "请确认 {email} 是您在 {organization} 的邮箱地址。",
        "verification_button": "是的，这是我的邮箱",
        "verification_done_title": "谢谢",
        "verification_done_text": "您的邮箱地址已确认。",
        "go_on": "继续",
        "close": "您可以关闭此页面。",
        "gone_title": "此链接无效",
        "gone_text": "它可能已被使用、已被新链接取代、已被撤回或已过期。请向发送者索取新的链接。",
        "failed_title": "操作未成功",
        "failed_text": "服务暂时无法响应，请稍后再试。",
        "reference": "参考编号：{id}",
    },
}

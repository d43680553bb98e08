"""What the pages say in Chinese (simplified) where somebody signs in with more than a password."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own
from __future__ import annotations

WORDS = {
    "second_totp_title": "请输入应用中的验证码",
    "second_totp_text": "请打开身份验证器应用，输入其中显示的六位数字。",
    "second_email_title": "请查看您的邮箱",
    "second_sms_title": "请查看您的手机",
    "second_sent": "我们已将验证码发送至 {recipient}，请在此输入。",
    "second_backup_title": "使用备用码",
    "second_backup_text": "请输入您保存的一个备用码。每个备用码只能使用一次。",
    "second_enrolment_title": "设置身份验证器应用",
    "second_enrolment_text": "今后登录时还需输入应用中的验证码。请用手机上的身份验证器应用扫描此二维码，"
    "然后输入应用显示的六位数字。",
    "second_secret": "如果无法扫描，请在应用中输入此密钥：",
    "second_code_label": "验证码",
    "second_backup_label": "备用码",
    "second_missing": "请输入验证码。",
    "second_wrong": "验证码不正确或已被使用。",
    "second_wrong_app": "验证码不正确或已被使用。请检查，或等待下一个验证码。",
    "second_dead": "此验证码已失效，请重新发送。",
    "second_limited": "已发送多条验证码。最后一条在几分钟内仍然有效，之后请重新发送。",
    "second_unsent": "验证码发送失败，请稍后重试。",
    "second_again": "重新发送验证码",
    "second_use_backup": "改用备用码",
    "second_use_other": "返回",
    "second_over": "操作超时，或您的账户信息在此期间已更改。请重新登录。",
}

"""What the pages say in English where somebody signs in with more than a password."""

from __future__ import annotations

WORDS = {
    "second_totp_title": "Enter the code from your app",
    "second_totp_text": "Open your authenticator app and type the six digits that it shows.",
    "second_email_title": "Check your e-mail",
    "second_sms_title": "Check your phone",
    "second_sent": "We sent a code to {recipient}. Type it here.",
    "second_backup_title": "Use a backup code",
    "second_backup_text": "Type one of the codes that you kept for this. Each of them works once.",
    "second_enrolment_title": "Set up an authenticator app",
    "second_enrolment_text": "From now on you sign in with a code from an app, too. Scan this with an authenticator "
    "app on your phone, then type the six digits that it shows.",
    "second_secret": "If you cannot scan it, type this key into the app:",
    "second_code_label": "Code",
    "second_backup_label": "Backup code",
    "second_missing": "Enter the code.",
    "second_wrong": "This code is not right, or it was used before.",
    "second_wrong_app": "This code is not right, or it was used before. Check it, or wait for the next one.",
    "second_dead": "This code does not work any more. Please have another one sent.",
    "second_limited": "Several codes were sent already. The last one still works for a few minutes; after that, "
    "have another one sent.",
    "second_unsent": "The code could not be sent. Please try again in a moment.",
    "second_again": "Send another code",
    "second_use_backup": "Use a backup code instead",
    "second_use_other": "Go back",
    "second_over": "That took too long, or something about your account was changed meanwhile. Please sign in again.",
}

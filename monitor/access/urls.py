"""Routes of signing in, and of what a person sets about it. Their names are those that allauth looks for."""

from allauth.account import views as account
from allauth.mfa.base import views as second_factor
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.usersessions import views as sessions
from django.urls import path, re_path

from monitor.access.session_pages import end_session
from monitor.access.sign_in import SignInView

sign_in = SignInView.as_view()

urlpatterns = [
    path("login", sign_in, name="login"),
    path("login", sign_in, name="account_login"),
    path("login/second-factor", second_factor.authenticate, name="mfa_authenticate"),
    path("login/passkey", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("logout", account.logout, name="logout"),
    path("logout", account.logout, name="account_logout"),
    path("password/reset", account.password_reset, name="account_reset_password"),
    path("password/reset/sent", account.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/done",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("account/inactive", account.account_inactive, name="account_inactive"),
    path("account/confirm", account.reauthenticate, name="account_reauthenticate"),
    path("account/confirm/code", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path("account/confirm/passkey", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("account/password", account.password_change, name="account_change_password"),
    path("account/password/set", account.password_set, name="account_set_password"),
    path("account/email", account.email, name="account_email"),
    path("account/email/sent", account.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^account/email/(?P<key>[-:\w]+)$", account.confirm_email, name="account_confirm_email"),
    path("account/second-factor", second_factor.index, name="mfa_index"),
    path("account/second-factor/app", totp.activate_totp, name="mfa_activate_totp"),
    path("account/second-factor/app/remove", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/second-factor/codes", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/second-factor/codes/new",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/second-factor/codes/file",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("account/second-factor/passkeys", passkeys.list_webauthn, name="mfa_list_webauthn"),
    path("account/second-factor/passkeys/add", passkeys.add_webauthn, name="mfa_add_webauthn"),
    path("account/second-factor/passkeys/<int:pk>", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
    path(
        "account/second-factor/passkeys/<int:pk>/remove",
        passkeys.remove_webauthn,
        name="mfa_remove_webauthn",
    ),
    path("account/sessions", sessions.list_usersessions, name="usersessions_list"),
    path("account/sessions/<int:session_id>/end", end_session, name="usersession_end"),
]

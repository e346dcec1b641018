"""Routes of people: their own page, members and invitations."""

from allauth.socialaccount import views as social
from allauth.socialaccount.providers.openid_connect import views as openid
from django.urls import path

from monitor.people import account_pages, api, invitation_pages, openid_pages, pages, token_api

api_routes = [
    path("members", api.MemberViewSet.as_view({"get": "list"})),
    path(
        "members/<str:member_id>",
        api.MemberViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
    ),
    path("personal-tokens", token_api.PersonalTokenViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "personal-tokens/<str:personal_token_id>",
        token_api.PersonalTokenViewSet.as_view({"delete": "destroy"}),
    ),
    path("invitations", api.InvitationViewSet.as_view({"get": "list", "post": "create"})),
    path("invitations/<str:invitation_id>", api.InvitationViewSet.as_view({"delete": "destroy"})),
]

page_routes = [
    path("account", account_pages.account, name="account"),
    path("account/tokens", account_pages.make_token, name="account-tokens"),
    path("account/tokens/<uuid:token_id>/revoke", account_pages.drop_token, name="account-token-revoke"),
    path("people", pages.people, name="people"),
    path("people/<uuid:membership_id>", pages.change_member, name="people-member"),
    path("people/invitations/<uuid:invitation_id>", pages.take_back, name="people-invitation"),
]

# Named as allauth looks for them. There is no form to sign up with: who is let in is decided before.
openid_routes = [
    path("login/oidc/<str:provider_id>", openid_pages.begin, name="openid_connect_login"),
    path("login/oidc/<str:provider_id>/callback", openid.callback, name="openid_connect_callback"),
    path("login/oidc-cancelled", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("login/oidc-error", social.login_error, name="socialaccount_login_error"),
]

# Whoever has the link may open it: it is the key.
invitation_routes = [
    path("invitation", invitation_pages.invitation, name="invitation-open"),
    path("invitation/<str:token>", invitation_pages.open_link, name="invitation"),
]

"""Accounts form a tree of tenants, are suspended and reinstated, and are deleted once."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain import refusals
from domain.account import DEPTH_LIMIT, Account
from domain.caller import SYSTEM
from tests.domain.given import (
    NOW,
    ORGANIZATION,
    ROOT_APPLICATION,
    STRANGER,
    an_account,
    backend,
    happened,
    settled,
    the_event,
)


def test_a_root_account_is_its_own_organization() -> None:
    account = Account.create(id=ORGANIZATION, name=" Acme ", parent=None, now=NOW)
    event = the_event(account)
    assert (event.organization, event.parent, event.name, event.depth) == (ORGANIZATION, None, "Acme", 0)
    assert event.touches == (f"account:{ORGANIZATION}",)


def test_a_child_belongs_to_its_parents_organization() -> None:
    parent = an_account()
    child = Account.create(id=uuid4(), name="ops", parent=parent, now=NOW)
    event = the_event(child)
    assert (event.organization, event.parent, event.depth) == (ORGANIZATION, parent.id, 1)
    assert event.touches == (f"account:{child.id}", f"account-children:{parent.id}")


def test_the_tree_ends_at_the_depth_limit() -> None:
    account = an_account()
    for _ in range(DEPTH_LIMIT):
        account = an_account(account)
    assert account.depth == DEPTH_LIMIT
    with pytest.raises(refusals.TooDeep):
        an_account(account)


def test_a_suspended_parent_gets_no_children() -> None:
    parent = an_account()
    parent.suspend(SYSTEM, NOW)
    with pytest.raises(refusals.AccountNotActive):
        an_account(parent)


def test_a_deleted_parent_is_unknown() -> None:
    parent = an_account()
    parent.delete(SYSTEM, NOW, has_children=False)
    with pytest.raises(refusals.UnknownAccount):
        an_account(parent)


def test_a_new_name_is_an_event_that_no_decision_depends_on() -> None:
    account = an_account()
    account.rename("Ajax", NOW)
    assert account.name == "Ajax"
    assert the_event(account).touches == ()


def test_the_same_name_changes_nothing() -> None:
    account = an_account()
    account.rename(" Acme", NOW)
    assert happened(account) == []


def test_display_values_are_replaced_together() -> None:
    account = an_account()
    account.describe(" Tools ", "https://example.com/a.png", "#00FFaa", NOW)
    assert (account.description, account.picture, account.color) == ("Tools", "https://example.com/a.png", "#00ffaa")
    account.describe("Tools", "https://example.com/a.png", "#00FFAA", NOW)
    assert happened(account) == ["account.described"]
    account.describe(None, None, None, NOW)
    assert (account.description, account.picture, account.color) == (None, None, None)


@pytest.mark.parametrize(
    "picture", ["http://example.com/a.png", "https://", "https://example.com/ a", "javascript:alert(1)", 'https://a"b']
)
def test_a_picture_is_an_https_address(picture: str) -> None:
    with pytest.raises(refusals.InvalidPicture):
        an_account().describe(None, picture, None, NOW)


def test_a_picture_has_2048_characters_at_most() -> None:
    longest = "https://example.com/".ljust(2048, "a")
    an_account().describe(None, longest, None, NOW)
    with pytest.raises(refusals.InvalidPicture):
        an_account().describe(None, longest + "a", None, NOW)


@pytest.mark.parametrize("color", ["red", "#fff", "#1234567", "#12345g", "#123456\n"])
def test_a_color_has_six_hexadecimal_digits(color: str) -> None:
    with pytest.raises(refusals.InvalidColor):
        an_account().describe(None, None, color, NOW)


def test_suspending_twice_happens_once() -> None:
    account = an_account()
    account.suspend(SYSTEM, NOW, " unpaid ")
    account.suspend(SYSTEM, NOW, "again")
    event = the_event(account)
    assert event.reason == "unpaid"
    assert event.touches == (f"account:{account.id}",)


def test_reinstating_an_active_account_changes_nothing() -> None:
    account = an_account()
    account.reinstate(NOW)
    assert happened(account) == []


def test_a_wanted_status_becomes_the_command_that_leads_there() -> None:
    account = an_account()
    account.move("suspended", SYSTEM, NOW, "unpaid")
    account.move("active", SYSTEM, NOW)
    assert happened(account) == ["account.suspended", "account.reinstated"]


@pytest.mark.parametrize("status", ["deleted", "invited", ""])
def test_no_other_status_can_be_wanted(status: str) -> None:
    with pytest.raises(refusals.InvalidStatus):
        an_account().move(status, SYSTEM, NOW)


def test_an_account_with_children_stays() -> None:
    with pytest.raises(refusals.AccountHasChildren):
        an_account().delete(SYSTEM, NOW, has_children=True)


def test_an_organization_in_use_stays() -> None:
    with pytest.raises(refusals.OrganizationInUse):
        an_account().delete(SYSTEM, NOW, has_children=False, in_use=True)


def test_only_root_deletes_an_organization() -> None:
    with pytest.raises(refusals.MissingPermission):
        an_account().delete(STRANGER, NOW, has_children=False)
    an_account(an_account()).delete(backend(), NOW, has_children=False)


def test_nobody_deletes_or_suspends_their_own_organization() -> None:
    for command in (
        lambda: an_account().delete(ROOT_APPLICATION, NOW, has_children=False),
        lambda: an_account().suspend(ROOT_APPLICATION, NOW),
        lambda: an_account().move("suspended", ROOT_APPLICATION, NOW),
    ):
        with pytest.raises(refusals.OwnDeletion):
            command()
    an_account(an_account()).suspend(ROOT_APPLICATION, NOW)


def test_a_deletion_touches_the_parents_children() -> None:
    parent = an_account()
    child = an_account(parent)
    child.delete(SYSTEM, NOW, has_children=False)
    assert the_event(child).touches == (f"account:{child.id}", f"account-children:{parent.id}")


def test_a_suspended_account_can_be_deleted() -> None:
    account = an_account()
    account.suspend(SYSTEM, NOW)
    account.delete(SYSTEM, NOW, has_children=False)
    assert happened(account) == ["account.suspended", "account.deleted"]


def test_a_deleted_account_is_unknown_to_every_command() -> None:
    account = an_account()
    account.delete(SYSTEM, NOW, has_children=False)
    settled(account)
    for command in (
        lambda: account.rename("Ajax", NOW),
        lambda: account.describe(None, None, None, NOW),
        lambda: account.suspend(SYSTEM, NOW),
        lambda: account.reinstate(NOW),
        lambda: account.move("active", SYSTEM, NOW),
        lambda: account.set_features([], SYSTEM, NOW),
        lambda: account.delete(SYSTEM, NOW, has_children=False),
    ):
        with pytest.raises(refusals.UnknownAccount):
            command()
    assert happened(account) == []


def profile(account: Account, slug: str = "acme", **told: object) -> None:
    fields = {"public_registration": False, "branding_only": False, "branding": {}, "now": NOW, **told}
    account.profile(slug, **fields)  # type: ignore[arg-type]


def test_a_child_of_an_organization_becomes_an_org() -> None:
    org = an_account(an_account())
    profile(org, public_registration=True, branding={"layout_color": "#fff", "terms_link": ""})
    event = the_event(org)
    assert (event.slug, event.public_registration, event.branding_only) == ("acme", True, False)
    assert event.branding == {"layout_color": "#fff"}
    assert event.touches == (f"account:{org.id}",)
    profile(org, public_registration=True, branding={"layout_color": "#fff"})
    assert happened(org) == []


def test_organizations_and_accounts_further_down_are_no_orgs() -> None:
    root = an_account()
    for account in (root, an_account(an_account(root))):
        with pytest.raises(refusals.UnknownAccount):
            profile(account)


@pytest.mark.parametrize("slug", ["a", "Acme-2_x", "a" * 50])
def test_a_slug_is_a_word(slug: str) -> None:
    org = an_account(an_account())
    profile(org, slug)
    assert org.slug == slug


@pytest.mark.parametrize("slug", ["", "-a", "_a", "a b", "a/b", "ä", "a\n", "a" * 51])
def test_other_slugs_are_refused(slug: str) -> None:
    with pytest.raises(refusals.InvalidSlug):
        profile(an_account(an_account()), slug)


def test_branding_that_could_do_harm_is_refused() -> None:
    with pytest.raises(refusals.InvalidBranding):
        profile(an_account(an_account()), branding={"terms_link": "javascript:alert(1)"})


def test_a_deleted_org_is_unknown() -> None:
    org = an_account(an_account())
    org.delete(SYSTEM, NOW, has_children=False)
    with pytest.raises(refusals.UnknownAccount):
        profile(org)


def test_root_switches_features_of_an_organization_on_and_off() -> None:
    organization = an_account()
    assert organization.features == frozenset()
    organization.set_features(["token_search", "token_revocation", "token_search"], ROOT_APPLICATION, NOW)
    event = the_event(organization)
    assert (event.TOPIC, event.features) == ("account.features_changed", ["token_revocation", "token_search"])
    assert event.touches == ()
    organization.set_features(["token_search"], ROOT_APPLICATION, NOW)
    assert organization.features == {"token_search"}
    organization.set_features([], ROOT_APPLICATION, NOW)
    assert organization.features == frozenset()


def test_features_that_are_on_already_change_nothing() -> None:
    organization = an_account()
    organization.set_features(["token_search"], SYSTEM, NOW)
    organization.set_features(["token_search"], SYSTEM, NOW)
    assert happened(organization) == ["account.features_changed"]


def test_nobody_but_root_switches_features() -> None:
    organization = an_account()
    for by in (backend("all"), backend("write_org"), STRANGER):
        with pytest.raises(refusals.MissingPermission):
            organization.set_features(["token_search"], by, NOW)
    assert happened(organization) == []


def test_a_child_account_has_no_features() -> None:
    with pytest.raises(refusals.UnknownAccount):
        an_account(an_account()).set_features(["token_search"], SYSTEM, NOW)


@pytest.mark.parametrize("feature", ["", "Token_search", "everything"])
def test_a_feature_is_one_of_those_there_are(feature: str) -> None:
    organization = an_account()
    with pytest.raises(refusals.InvalidFeature):
        organization.set_features(["token_search", feature], SYSTEM, NOW)
    assert happened(organization) == []

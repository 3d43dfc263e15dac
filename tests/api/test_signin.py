"""Signing in: the one-time set-up token, passwords, cookies, limits, tokens for scripts."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from httpx import Client
from sqlalchemy import select

from api import accounts
from api.accounts import AccountError, create_account, renew_setup_token, revoke_service_tokens
from api.app import create_app
from api.permissions import Role
from core.contract.config import ApiConfig
from core.storage.schema import AccountRow, SessionRow, SettingRow
from tests.api.houses import House, now
from tests.api.serving import Served

PASSWORD = "a walk along the river"


def set_up(client: Client, house: House, name: str = "admin", password: str = PASSWORD) -> None:
    token = renew_setup_token(house.database)
    assert token is not None
    answer = client.post("/setup", data={"token": token, "name": name, "password": password})
    assert answer.status_code == 303, answer.text


def test_without_accounts_every_page_leads_to_set_up(client: Client) -> None:
    assert client.get("/").headers["location"] == "/login"
    assert client.get("/login").headers["location"] == "/setup"
    assert client.get("/setup").status_code == 200


def test_the_set_up_token_makes_the_first_administrator_and_is_burnt(client: Client, house: House) -> None:
    token = renew_setup_token(house.database)
    fields = {"token": token, "name": "admin", "password": PASSWORD}
    assert client.post("/setup", data=fields).headers["location"] == "/"
    assert client.get("/").status_code == 200
    again = client.post("/setup", data=fields | {"name": "second"})
    assert again.headers["location"] == "/login?from=setup"
    with house.database.reading() as db:
        assert [(row.name, row.role) for row in db.scalars(select(AccountRow))] == [("admin", "administrator")]
        assert db.scalars(select(SettingRow).where(SettingRow.name.like("setup%"))).first() is None
    assert renew_setup_token(house.database) is None


def test_a_used_set_up_link_leads_to_signing_in_and_says_why(client: Client, house: House) -> None:
    set_up(client, house)
    where = client.get("/setup").headers["location"]
    assert "账号已存在，请直接登录" in client.get(where).text
    assert "an account exists already: sign in" in client.get(where, headers={"Accept-Language": "en"}).text
    assert "账号已存在" not in client.get("/login").text


def test_a_restart_before_set_up_makes_the_earlier_token_void(client: Client, house: House) -> None:
    earlier = renew_setup_token(house.database)
    renew_setup_token(house.database)
    answer = client.post("/setup", data={"token": earlier, "name": "admin", "password": PASSWORD})
    assert answer.status_code == 422
    with house.database.reading() as db:
        assert not accounts.has_accounts(db)


def test_only_hashes_of_secrets_are_kept(client: Client, house: House) -> None:
    token = renew_setup_token(house.database)
    assert token is not None
    with house.database.reading() as db:
        assert token not in {row.value for row in db.scalars(select(SettingRow))}
    set_up(client, house)
    with house.database.reading() as db:
        assert db.scalars(select(SessionRow)).one().secret_sha256 not in client.cookies["anju"]
        assert db.scalars(select(AccountRow)).one().password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("short", "password.too_short"),
        ("x" * 201, "password.too_long"),
        ("password1234", "password.too_common"),
        ("PasswordPassword", "password.too_common"),
        ("aaaaaaaaaaaaaaaa", "password.too_common"),
        ("porter-gate12", "password.has_account_name"),
    ],
)
def test_easy_passwords_are_refused(house: House, password: str, complaint: str) -> None:
    with pytest.raises(AccountError) as refused:
        create_account(house.database, "porter-gate", password, Role.OPERATOR, now())
    assert refused.value.key == complaint


@pytest.mark.parametrize("name", ["", "A", "Ｗang", "a b", "../etc", "x" * 33])
def test_odd_account_names_are_refused(house: House, name: str) -> None:
    with pytest.raises(AccountError, match="2 to 32"):
        create_account(house.database, name, PASSWORD, Role.OPERATOR, now())


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(client: Client, house: House) -> None:
    set_up(client, house)
    wrong = client.post("/login", data={"name": "admin", "password": "not the password"})
    unknown = client.post("/login", data={"name": "nobody", "password": "not the password"})
    assert wrong.status_code == unknown.status_code == 401
    assert "账号或密码不正确" in wrong.text
    assert "账号或密码不正确" in unknown.text


def test_signing_in_gives_a_cookie_no_script_and_no_other_site_can_use(client: Client, house: House) -> None:
    set_up(client, house)
    client.cookies.clear()
    answer = client.post("/login", data={"name": "Admin", "password": PASSWORD})
    cookie = SimpleCookie(answer.headers["set-cookie"])["anju"]
    assert answer.status_code == 303
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert cookie["path"] == "/"
    assert int(cookie["max-age"]) == 12 * 3600
    assert len(cookie.value) >= 43  # 256 bits in base64


def test_behind_https_the_cookie_is_bound_to_it(house: House) -> None:
    config = house.config.model_copy(update={"api": ApiConfig(public_url="https://anju.example")})
    secure = House(house.database, config, house.state_dir)
    with Served(create_app(secure.context())) as served, served.client() as client:
        token = renew_setup_token(house.database)
        answer = client.post(
            "/setup",
            data={"token": token, "name": "admin", "password": PASSWORD},
            headers={"Origin": "https://anju.example"},
        )
    cookie = SimpleCookie(answer.headers["set-cookie"])["__Host-anju"]
    assert cookie["secure"]
    assert not cookie["domain"]


def test_signing_out_ends_the_session_at_the_server(client: Client, house: House) -> None:
    set_up(client, house)
    secret = client.cookies["anju"]
    assert client.post("/logout").headers["location"] == "/login"
    assert "anju" not in client.cookies
    client.cookies.set("anju", secret)
    assert client.get("/api/v1/alerts").status_code == 401


def test_a_session_ends_after_twelve_hours(house: House) -> None:
    create_account(house.database, "operator", PASSWORD, Role.OPERATOR, now())
    began = now()
    secret = accounts.sign_in(house.database, "operator", PASSWORD, began)
    assert secret is not None
    with house.database.reading() as db:
        almost = began + timedelta(hours=11, minutes=59)
        assert accounts.find_session(db, secret, almost, by_cookie=True) is not None
        assert accounts.find_session(db, secret, began + timedelta(hours=12), by_cookie=True) is None


def test_after_five_failures_an_account_waits_though_the_password_is_right(client: Client, house: House) -> None:
    set_up(client, house)
    client.cookies.clear()
    for _ in range(5):
        assert client.post("/login", data={"name": "admin", "password": "wrong password"}).status_code == 401
    locked = client.post("/login", data={"name": "admin", "password": PASSWORD})
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 300
    assert "set-cookie" not in locked.headers


def test_many_attempts_at_the_same_moment_are_no_more_than_five(client: Client, house: House) -> None:
    set_up(client, house)
    client.cookies.clear()

    def attempt(number: int) -> int:
        return client.post("/login", data={"name": "admin", "password": f"wrong password {number}"}).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = Counter(pool.map(attempt, range(16)))
    assert answers == {401: 5, 429: 11}


def test_a_service_token_opens_the_json_api_until_it_is_taken_back(client: Client, house: House) -> None:
    headers = house.token(Role.OPERATOR)
    assert client.get("/api/v1/alerts", headers=headers).status_code == 200
    with house.database.writing() as db:
        assert revoke_service_tokens(db, "test-operator") == 1
    assert client.get("/api/v1/alerts", headers=headers).status_code == 401


def test_a_service_token_is_no_cookie_and_a_cookie_no_token(client: Client, house: House) -> None:
    set_up(client, house)
    cookie = client.cookies["anju"]
    client.cookies.clear()
    assert client.get("/api/v1/alerts", headers={"Authorization": f"Bearer {cookie}"}).status_code == 401
    client.cookies.set("anju", house.token()["Authorization"].removeprefix("Bearer "))
    assert client.get("/api/v1/alerts").status_code == 401


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "own"}, False),
        ({"Origin": "own"}, True),
        ({"Origin": "http://elsewhere"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_another_sites_page_can_change_nothing(
    house: House, served: Served, headers: dict[str, str], allowed: bool
) -> None:
    create_account(house.database, "admin", PASSWORD, Role.ADMINISTRATOR, now())
    secret = accounts.sign_in(house.database, "admin", PASSWORD, now())
    headers = {name: served.url if value == "own" else value for name, value in headers.items()}
    with served.client(headers={"Cookie": f"anju={secret}"}) as client:
        body = {"plate": "京A12345", "kind": "resident", "checkpoints": ["lane"]}
        key = "0198c5f0-0000-7000-8000-000000000000"
        answer = client.put(f"/api/v1/vehicles/{key}", json=body, headers=headers)
    assert answer.status_code == (200 if allowed else 403)

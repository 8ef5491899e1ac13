"""The client's side of a bad day: lost answers, cut streams, strange servers."""

import io
import json
from contextlib import closing

import httpx
import pytest

from mains import errors
from mains.errors import (
    BadInput,
    Broken,
    Forbidden,
    Incompatible,
    MainsError,
    RequestInvalid,
    ServerUnreachable,
)
from mains.ids import new_id
from mains.wire.client import Client
from mains.wire.connection import (
    PAUSES_SECONDS,
    RETRY_AFTER_SECONDS_MAX,
    Connection,
    checked_url,
)
from mains.wire.failures import error_of
from mains.wire.jobs import SubmitRequest
from mains.wire.parties import OrganisationRequest
from mains.wire.problem import Problem
from mains.wire.spec import JobSpec
from mains.wire.trust import is_loopback
from tests.cli.city import LOSE, QUIET, UNAVAILABLE, City, a_task, sha256

UNUSED = "http://127.0.0.1:1"


def all_errors(root: type[MainsError] = MainsError) -> list[type[MainsError]]:
    return [kind for child in root.__subclasses__() for kind in (child, *all_errors(child))]


def test_a_submission_whose_answer_is_lost_is_sent_again_under_its_id(
    client: Client, city: City, pauses: list[float]
) -> None:
    quote = client.request_quote(JobSpec(run="true"), bundle=None)
    city.answers_to_lose += [LOSE, UNAVAILABLE]
    request = SubmitRequest(id=new_id(), quote_id=quote.id)

    answer = client.submit(request)

    assert answer.id == request.id
    assert [each.id for each in city.submissions] == [request.id, request.id]
    assert len(city.jobs) == 1
    assert pauses == list(PAUSES_SECONDS[:2])


def test_a_server_that_says_when_to_come_again_is_believed_within_bounds(
    pauses: list[float],
) -> None:
    told = [7, 3_600, 0]

    def answer(request: httpx.Request) -> httpx.Response:
        if not told:
            return httpx.Response(200, content=b"done")
        error = errors.RateLimited("too fast", effect="none", retry_after_seconds=told.pop(0))
        problem = Problem.of(error, request_id="")
        return httpx.Response(429, content=problem.model_dump_json())

    transport = httpx.MockTransport(answer)
    with Connection(UNUSED, key=None, transport=transport, sleep=pauses.append) as connection:
        assert connection.call("POST", "/deposits", repeat=False) == b"done"
        assert pauses == [7, RETRY_AFTER_SECONDS_MAX, PAUSES_SECONDS[2]]
        told += [1] * 100
        with pytest.raises(errors.RateLimited):
            connection.call("GET", "/jobs", repeat=True)
    assert len(pauses) == 3 + len(PAUSES_SECONDS)


def test_a_submission_gives_up_after_a_bounded_number_of_pauses(
    client: Client, city: City, pauses: list[float]
) -> None:
    quote = client.request_quote(JobSpec(run="true"), bundle=None)
    city.answers_to_lose += [LOSE] * 100

    with pytest.raises(ServerUnreachable) as raised:
        client.submit(SubmitRequest(id=new_id(), quote_id=quote.id))

    assert raised.value.facts["effect"] == "unknown"
    assert pauses == list(PAUSES_SECONDS)


def test_what_has_no_id_is_not_sent_twice_when_it_may_have_arrived(
    client: Client, city: City, pauses: list[float]
) -> None:
    city.answers_to_lose += [LOSE]

    with pytest.raises(ServerUnreachable) as raised:
        client.add_organisation(OrganisationRequest(name="vision", type="firm"))

    assert raised.value.facts["effect"] == "unknown"
    assert len(city.bodies) == 1
    assert pauses == []


def test_a_question_to_a_server_that_never_answered_fails_at_once(pauses: list[float]) -> None:
    with (
        Client(Connection(UNUSED, key="k", sleep=pauses.append)) as client,
        pytest.raises(ServerUnreachable) as raised,
    ):
        client.whoami()

    assert raised.value.facts["effect"] == "none"
    assert "mains up" in raised.value.hint
    assert pauses == []


def test_a_submission_waits_for_a_server_that_is_starting(pauses: list[float]) -> None:
    with (
        Client(Connection(UNUSED, key="k", sleep=pauses.append)) as client,
        pytest.raises(ServerUnreachable),
    ):
        client.submit(SubmitRequest(id=new_id(), quote_id=new_id()))

    assert pauses == list(PAUSES_SECONDS)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, city: City, client: Client
) -> None:
    monkeypatch.setenv("HTTP_PROXY", UNUSED)
    monkeypatch.setenv("ALL_PROXY", UNUSED)
    with Client(Connection(client._connection.url, key=None)) as direct:
        assert direct.server().public_key == city.signing_key.public_key_hex


def test_every_error_of_the_tree_comes_back_as_itself() -> None:
    for kind in all_errors():
        error = kind("what happened", hint="what to do", pools=["a"], left="1.00")
        body = Problem.of(error, request_id="r1").model_dump_json().encode()

        found = error_of(error.status, body)

        assert type(found) is kind
        assert (found.detail, found.hint) == (error.detail, error.hint)
        assert found.facts == {"pools": ["a"], "left": "1.00"}


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Forbidden), (418, BadInput), (500, Broken), (599, Broken)]
)
def test_a_code_that_is_not_known_here_is_of_its_status_kind(
    status: int, kind: type[MainsError]
) -> None:
    problem = {"type": "", "title": "", "status": status, "detail": "new", "code": "invented_later"}
    assert type(error_of(status, json.dumps(problem).encode())) is kind


def test_an_answer_in_other_words_than_mains_own_is_told_as_such() -> None:
    assert isinstance(error_of(502, b"<html>Bad gateway</html>"), ServerUnreachable)
    assert isinstance(error_of(404, b"<html>Not here</html>"), errors.Missing)
    assert isinstance(error_of(404, b"[]"), errors.Missing)


def test_an_answer_of_another_shape_is_incompatible_and_an_added_key_is_not() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"clean": "yes and no"})

    connection = Connection("http://city", key="k", transport=httpx.MockTransport(answer))
    with Client(connection) as client, pytest.raises(Incompatible, match="another shape"):
        client.audit()


def test_a_followed_log_goes_on_from_the_byte_where_it_was_cut(
    client: Client, city: City, pauses: list[float]
) -> None:
    job = city.add_job(new_id(), quote_id=new_id())
    city.log = bytes(range(256)) * 1000
    city.cuts += [70_000, 70_000, 200_001]

    assert b"".join(client.follow_log(str(job.id), task=0)) == city.log
    assert len(pauses) == 3


def test_a_followed_log_survives_a_server_that_answers_503(client: Client, city: City) -> None:
    job = city.add_job(new_id(), quote_id=new_id())
    city.log = b"epoch 1\nepoch 2\n"
    city.cuts += [3]
    city.answers_to_lose += ["", UNAVAILABLE, UNAVAILABLE]

    assert b"".join(client.follow_log(str(job.id), task=0)) == city.log


def test_a_stream_that_ends_in_good_order_before_its_task_is_opened_again(
    client: Client, city: City
) -> None:
    job = city.add_job(new_id(), quote_id=new_id(), state="running", task_list=[a_task()])
    running = city.add_job(
        new_id(), quote_id=new_id(), state="running", task_list=[a_task(state="running")]
    )
    city.log = b"abc"
    city.cuts += [QUIET, QUIET]
    with closing(client.follow_log(str(running.id), task=0)) as chunks:
        assert next(chunks) + next(chunks) == b"ab"

    assert b"".join(client.follow_log(str(job.id), task=0)) == b"abc"


def test_a_followed_log_gives_up_when_nothing_comes_back(
    client: Client, city: City, pauses: list[float]
) -> None:
    job = city.add_job(new_id(), quote_id=new_id())
    city.answers_to_lose += [UNAVAILABLE] * 100

    with pytest.raises(ServerUnreachable):
        list(client.follow_log(str(job.id), task=0))

    assert pauses == list(PAUSES_SECONDS)


def test_a_bundle_is_sent_from_its_beginning_after_a_loss(client: Client, city: City) -> None:
    content = b"code" * 100_000
    city.answers_to_lose += [LOSE]
    client.upload_bundle(io.BytesIO(content), sha256=sha256(content))

    assert city.blobs == {sha256(content): content}
    assert city.asked == ["PUT /v1/bundles"] * 2


def test_pages_of_organisations_are_read_to_the_last(client: Client, city: City) -> None:
    assert [each.name for each in client.organisations()] == ["a", "b"]


def test_a_reference_stays_one_part_of_the_path(client: Client, city: City) -> None:
    for reference in ("../whoami", "..", "a/b?c=d", "a%2Fb"):
        with pytest.raises(errors.Missing):
            client.job(reference)


@pytest.mark.parametrize("url", ["mains.example", "ftp://mains.example", "http://", "http://[::"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(RequestInvalid):
        checked_url(url)


def test_addresses_lose_their_ends_and_know_their_own_machine() -> None:
    assert checked_url(" https://mains.example/v1/ ") == "https://mains.example"
    assert is_loopback("http://localhost:80") and is_loopback("http://[::1]:80")
    assert not is_loopback("http://10.0.0.1") and not is_loopback("http://mains.example")


def test_a_key_with_a_line_break_is_not_sent() -> None:
    with pytest.raises(RequestInvalid):
        Connection("http://city", key="abc\ndef")

"""The service as its clients see it: requests over HTTP to uvicorn on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from backend import TextModel, create_app
from backend.running import running
from backend.service import MAX_CANDIDATES

CANDIDATES = ["a night train to Rome", "a roof of solar tiles", "Solar roof"]


@pytest.fixture(scope="module")
def model() -> TextModel:
    return TextModel()


@pytest.fixture(scope="module")
def client(model: TextModel) -> Iterator[httpx.Client]:
    # A proxy of the surrounding system would be asked for 127.0.0.1 as well.
    with (
        running(create_app(model)) as address,
        httpx.Client(base_url=address, timeout=30, trust_env=False) as client,
    ):
        yield client


def test_health_names_the_stack_that_answers(client: httpx.Client) -> None:
    answer = client.get("/health")

    assert answer.status_code == 200
    assert answer.headers["server"] == "uvicorn"
    health = answer.json()
    assert (health["status"], health["transformers"]) == ("ok", "4.35.0")
    assert health["torch"].partition("+")[0] == "2.0.0"


def test_candidates_come_back_nearest_first_with_the_models_scores(
    client: httpx.Client, model: TextModel
) -> None:
    answer = client.post("/similar", json={"text": "solar roof", "candidates": CANDIDATES})

    assert answer.status_code == 200
    assert [item["text"] for item in answer.json()] == [CANDIDATES[2], CANDIDATES[1], CANDIDATES[0]]
    scores = dict(zip(CANDIDATES, model.similarities("solar roof", CANDIDATES), strict=True))
    for item in answer.json():
        assert item["score"] == pytest.approx(scores[item["text"]], abs=1e-6)


def test_the_limit_cuts_the_answer(client: httpx.Client) -> None:
    answer = client.post("/similar", json={"text": "solar roof", "candidates": CANDIDATES, "limit": 1})

    assert [item["text"] for item in answer.json()] == ["Solar roof"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"candidates": ["a"]}, ["body", "text"], id="no text"),
        pytest.param({"text": "", "candidates": ["a"]}, ["body", "text"], id="empty text"),
        pytest.param({"text": "a", "candidates": []}, ["body", "candidates"], id="no candidates"),
        pytest.param({"text": "a", "candidates": ["b", ""]}, ["body", "candidates", 1], id="empty candidate"),
        pytest.param(
            {"text": "a", "candidates": ["b"] * (MAX_CANDIDATES + 1)}, ["body", "candidates"], id="too many"
        ),
        pytest.param({"text": "a", "candidates": ["b"], "limit": 0}, ["body", "limit"], id="limit of zero"),
    ],
)
def test_a_bad_request_is_refused_and_its_field_named(
    client: httpx.Client, body: dict[str, object], field: list[str | int]
) -> None:
    answer = client.post("/similar", json=body)

    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [field]


def test_requests_at_the_same_time_get_the_answers_they_get_alone(client: httpx.Client) -> None:
    bodies = [{"text": f"idea {number} solar", "candidates": CANDIDATES} for number in range(16)]
    alone = [client.post("/similar", json=body).json() for body in bodies]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda body: client.post("/similar", json=body).json(), bodies))

    assert len({str(answer) for answer in alone}) == len(bodies)
    for one, other in zip(alone, together, strict=True):
        assert [item["text"] for item in other] == [item["text"] for item in one]
        scores = [item["score"] for item in one]
        assert [item["score"] for item in other] == pytest.approx(scores, abs=1e-5)


def test_two_services_run_side_by_side_and_a_stopped_one_frees_its_port(model: TextModel) -> None:
    with running(create_app(model)) as first, running(create_app(model)) as second:
        assert first != second
        for address in (first, second):
            assert httpx.get(f"{address}/health", timeout=30, trust_env=False).status_code == 200

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{first}/health", timeout=5, trust_env=False)

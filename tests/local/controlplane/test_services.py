import pytest

from hyperpod_inference.local.inside.services import ClusterDirectory, KnownService, Port, parse


def listed(name: str, cluster_ip: str, *ports: dict) -> dict:
    spec = {"clusterIP": cluster_ip, "ports": list(ports)}
    return {"metadata": {"namespace": "default", "name": name}, "spec": spec}


def test_services_without_an_address_or_ports_have_no_door() -> None:
    items = [
        listed("headless", "None", {"port": 80}),
        listed("portless", "10.96.0.2"),
        {"metadata": {"namespace": "n", "name": "external"}, "spec": {"type": "ExternalName"}},
        listed("llm", "10.96.0.3", {"port": 80, "name": "http"}, {"port": 443, "appProtocol": "https"}),
    ]
    ports = (Port(80, "http"), Port(443, "", "https"))
    assert parse(items) == (KnownService("default", "llm", "10.96.0.3", ports),)


@pytest.mark.parametrize(
    ("port", "scheme"),
    [
        (Port(80), "http"),
        (Port(443), "https"),
        (Port(443, "http"), "http"),
        (Port(8443, "https-api"), "https"),
        (Port(9000, "api", "https"), "https"),
        (Port(9000, "api", "http"), "http"),
    ],
)
def test_a_port_says_in_three_ways_that_it_speaks_tls(port: Port, scheme: str) -> None:
    assert port.scheme == scheme


@pytest.mark.parametrize(
    ("wanted", "number"), [("", 8080), ("metrics", 9113), ("9113", 9113), ("8080", 8080), ("77", None)]
)
def test_a_port_is_picked_by_number_or_name_and_http_by_default(wanted: str, number: int | None) -> None:
    service = KnownService("n", "s", "10.96.0.9", (Port(9113, "metrics"), Port(8080, "http")))
    port = service.port(wanted)
    assert (port.number if port else None) == number


async def test_the_list_is_asked_for_again_only_when_it_is_a_second_old() -> None:
    class Api:
        calls = 0

        async def get(self, path: str) -> dict:
            assert path == "/api/v1/services"
            self.calls += 1
            return {"items": [listed("llm", "10.96.0.3", {"port": 80})]}

    api, now = Api(), [100.0]
    directory = ClusterDirectory(api, clock=lambda: now[0])
    for later, calls in [(0.0, 1), (0.5, 1), (0.6, 2)]:
        now[0] += later
        assert len(await directory.services()) == 1
        assert api.calls == calls

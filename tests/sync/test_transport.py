"""What every transport keeps: one suite, on the stand-in and on a real mosquitto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from morning.broker import Broker as Mosquitto
from morning.pki import Authority
from sync.contract.topics import Channel, topic
from sync.errors import NotConnectedError, PublishRefusedError, TransportClosedError
from sync.seam import Will
from tests.sync.made import GATE_A, GATE_B, until
from tests.sync.nets import MemoryNet, MosquittoNet, Net, next_message

EVENTS = topic(GATE_A, Channel.EVENTS)
STATUS = topic(GATE_A, Channel.STATUS)
RECEIPT = topic(GATE_A, Channel.RECEIPT)
COMMAND = topic(GATE_A, Channel.COMMAND)


@pytest.fixture(params=["memory", "mosquitto"])
def net(request: pytest.FixtureRequest) -> Iterator[Net]:
    if request.param == "memory":
        yield MemoryNet()
        return
    broker: Mosquitto = request.getfixturevalue("broker")
    authority: Authority = request.getfixturevalue("authority")
    made = MosquittoNet(broker, authority)
    yield made
    made.close()


def test_a_published_message_arrives(net: Net) -> None:
    hq, gate = net.client("hq", [EVENTS]), net.client("gate-a")
    hq.start()
    gate.start()
    net.settle(hq)
    net.settle(gate)
    gate.publish(EVENTS, b"records")
    message = next_message(hq)
    assert (message.topic, message.payload, message.retained) == (EVENTS, b"records", False)


def test_an_unacknowledged_message_comes_again_and_an_acknowledged_one_does_not(net: Net) -> None:
    gate = net.client("gate-a", [COMMAND])
    hq = net.client("hq")
    for client in (gate, hq):
        client.start()
        net.settle(client)
    hq.publish(COMMAND, b"one")
    hq.publish(COMMAND, b"two")
    gate.acknowledge(next_message(gate))
    assert next_message(gate).payload == b"two"
    gate.close()
    again = net.client("gate-a", [COMMAND])
    again.start()
    message = next_message(again)
    assert message.payload == b"two"
    again.acknowledge(message)
    again.close()
    third = net.client("gate-a", [COMMAND])
    third.start()
    net.settle(third)
    assert third.receive(0.3) is None


def test_what_comes_while_nobody_is_there_waits(net: Net) -> None:
    gate = net.client("gate-a", [COMMAND])
    gate.start()
    net.settle(gate)
    gate.close()
    hq = net.client("hq")
    hq.start()
    net.settle(hq)
    hq.publish(COMMAND, b"later")
    again = net.client("gate-a", [COMMAND])
    again.start()
    assert next_message(again).payload == b"later"


def test_a_retained_message_waits_for_whoever_comes(net: Net) -> None:
    hq = net.client("hq")
    hq.start()
    net.settle(hq)
    hq.publish(RECEIPT, b"old", retain=True)
    hq.publish(RECEIPT, b"new", retain=True)
    gate = net.client("gate-a", [RECEIPT])
    gate.start()
    message = next_message(gate)
    assert (message.payload, message.retained) == (b"new", True)


def test_no_broker_is_no_error_at_the_start(net: Net) -> None:
    net.stop()
    gate = net.client("gate-a")
    gate.start()
    assert gate.connection is None
    with pytest.raises(NotConnectedError):
        gate.publish(EVENTS, b"records")
    net.start()
    until(lambda: gate.connection is not None, "connected once there is a broker")
    gate.publish(EVENTS, b"records")


def test_connections_are_numbered_and_old_acknowledgements_do_nothing(net: Net) -> None:
    gate, hq = net.client("gate-a", [COMMAND]), net.client("hq")
    for client in (gate, hq):
        client.start()
        net.settle(client)
    hq.publish(COMMAND, b"one")
    before = next_message(gate)
    first = gate.connection
    assert first is not None
    net.stop()
    net.start()
    until(lambda: (gate.connection or 0) > first, "a later connection")
    gate.acknowledge(before)
    again = next_message(gate)
    assert (again.payload, again.connection > before.connection) == (b"one", True)


def test_the_will_is_said_for_who_vanishes_and_not_for_who_leaves(net: Net) -> None:
    hq = net.client("hq", [STATUS])
    hq.start()
    net.settle(hq)
    polite = net.client("gate-a", will=lambda: Will(STATUS, b"gone: polite"))
    polite.start()
    net.settle(polite)
    polite.close()
    rude = net.client("gate-a", will=lambda: Will(STATUS, b"gone: rude"))
    rude.start()
    net.settle(rude)
    net.vanish(rude)
    assert next_message(hq).payload == b"gone: rude"


def test_the_broker_holds_back_what_does_not_fit(net: Net) -> None:
    gate, hq = net.client("gate-a", [COMMAND], inbound_limit=4), net.client("hq")
    for client in (gate, hq):
        client.start()
        net.settle(client)
    for number in range(10):
        hq.publish(COMMAND, b"%d" % number)
    held = [next_message(gate) for _ in range(4)]
    assert gate.receive(0.3) is None
    for message in held:
        gate.acknowledge(message)
    rest = []
    for _ in range(6):
        rest.append(next_message(gate))
        gate.acknowledge(rest[-1])
    assert [m.payload for m in held + rest] == [b"%d" % number for number in range(10)]


def test_a_refused_publish_raises_and_the_connection_stays(net: Net) -> None:
    gate = net.client("gate-a")
    gate.start()
    net.settle(gate)
    with pytest.raises(PublishRefusedError):
        gate.publish(topic(GATE_B, Channel.EVENTS), b"not mine")
    gate.publish(EVENTS, b"mine")
    assert gate.connection == 1


def test_an_interrupted_transport_waits_for_nothing(net: Net) -> None:
    gate = net.client("gate-a", [COMMAND])
    gate.start()
    net.settle(gate)
    gate.interrupt()
    assert gate.receive(3600) is None
    with pytest.raises(TransportClosedError):
        gate.publish(EVENTS, b"records")


def test_closing_twice_is_once(net: Net) -> None:
    gate = net.client("gate-a")
    gate.close()
    gate.close()


def test_many_messages_at_once_arrive_all_and_in_order(net: Net) -> None:
    gate, hq = net.client("gate-a", [RECEIPT]), net.client("hq")
    for client in (gate, hq):
        client.start()
        net.settle(client)
    payloads = [b"%d" % number for number in range(60)]  # thrice mosquitto's Receive Maximum
    hq.publish_all([(RECEIPT, payload, False) for payload in payloads])
    arrived = []
    for _ in payloads:
        message = next_message(gate)
        gate.acknowledge(message)
        arrived.append(message.payload)
    assert arrived == payloads


def test_of_many_messages_a_refused_one_keeps_no_other_back(net: Net) -> None:
    hq, gate = net.client("hq", [EVENTS]), net.client("gate-a")
    for client in (hq, gate):
        client.start()
        net.settle(client)
    with pytest.raises(PublishRefusedError):
        gate.publish_all(
            [(topic(GATE_B, Channel.EVENTS), b"not ours", False), (EVENTS, b"ours", False)]
        )
    assert next_message(hq).payload == b"ours"

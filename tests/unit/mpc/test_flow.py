"""Protocols that take one another's results share rounds where they can."""

import pytest

from trine.mpc import LocalSession
from trine.mpc.arithmetic import multiply
from trine.mpc.flow import Task, flow
from trine.mpc.share import reveal


def product(party):
    return lambda x, y: multiply(party, x, y)


def nothing(x):
    yield from ()
    return x


def run(tasks_of, value=3):
    session = LocalSession()
    x = session.share(value)._value
    before = session.cost.rounds

    def protocol(party, x):
        result = yield from flow(x, tasks_of(party))
        return (yield from reveal(party, result))

    opened = session.call(protocol, x)
    return int(opened[0]), session.cost.rounds - before - 1


def test_a_chain_takes_its_rounds():
    assert run(lambda p: [Task([0, 0], product(p)), Task([1, 0], product(p))]) == (27, 2)


def test_branches_share_rounds():
    tasks = [Task([0, 0], None), Task([0, 0], None), Task([1, 2], None), Task([0, 1], None), Task([3, 4], None)]
    assert run(lambda p: [task._replace(start=product(p)) for task in tasks]) == (3**7, 3)


def test_a_short_branch_waits_for_a_long_one():
    def tasks(party):
        square = product(party)
        return [Task([0, 0], square), Task([0, 0], square), Task([2, 2], square), Task([1, 3], square)]

    assert run(tasks) == (3**6, 3)


@pytest.mark.parametrize("local", [True, False])
def test_what_has_no_rounds_takes_none(local):
    def tasks(party):
        free = Task([0], (lambda x: x) if local else nothing, local)
        return [free, free._replace(inputs=[1]), Task([2, 1], product(party)), free._replace(inputs=[3])]

    assert run(tasks) == (9, 1)


def test_only_tasks_without_rounds():
    assert run(lambda p: [Task([0], nothing), Task([0], nothing), Task([1], nothing)]) == (3, 0)

"""Two real workers, one shared subscription, PostgreSQL: exactly once, whatever is killed."""

from __future__ import annotations

from morning.postgres import Postgres
from tests.hq.plant import Plant
from tests.sync.made import until


def test_two_workers_store_everything_once_though_one_of_them_and_the_database_are_killed(
    postgres_plant: Plant, own_postgres: Postgres
) -> None:
    plant = postgres_plant
    first, second = plant.start_hq("one"), plant.start_hq("two")
    plant.start_sync()

    def both_have_worked() -> bool:
        plant.punch(3)
        return first.said("records") and second.said("records")

    until(both_have_worked, "both workers have worked")
    own_postgres.kill()
    plant.punch(30)
    until(lambda: first.said("database_trouble") or second.said("database_trouble"), "trouble")
    own_postgres.start()
    plant.until_delivered()
    first.kill()
    plant.punch(50)
    plant.until_delivered()
    assert plant.alarms() == []

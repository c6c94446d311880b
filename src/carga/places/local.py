"""This machine: workers are processes beside the coordinator's."""

from carga.containers.owner import RUN_ENVIRONMENT
from carga.places.hosted import WORKER_FINAL_CODES, HostedPlace, carga_command
from carga.places.supervisor import ChildSpec, Restarts


class LocalPlace(HostedPlace):
    def _worker(self, number: int, restarts: Restarts) -> ChildSpec:
        engine = ("--engine", self.options.engine) if self.options.engine else ()
        return ChildSpec(
            name=f"worker-{number}",
            command=(
                *carga_command("worker"),
                *("--join", f"ws://{self.address}/worker", "--users-max", str(self.options.users_max)),
                *engine,
            ),
            environment={
                "CARGA_TOKEN": self.token,
                "TMPDIR": self.scratch.name,
                RUN_ENVIRONMENT: self.options.out.name,
            },
            final_codes=WORKER_FINAL_CODES,
            restarts=restarts,
        )

"""`carga completion`."""

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the completion script of a shell.

    Bash: `source <(carga completion bash)` in ~/.bashrc. Zsh: save it as `_carga` in a folder of $fpath.
    Fish: save it as ~/.config/fish/completions/carga.fish.

    Parameters
    ----------
    shell
        Whose script.
    """
    from carga.cli.app import build_app

    print(build_app().generate_completion(prog_name="carga", shell=shell))

"""Links are written for the repository, and lead to the right place of the site."""

from __future__ import annotations

import pytest

from harness.site.links import BrokenLink, relinked

PAGES = {"docs/client.md": "client.md", "CONTRIBUTING.md": "contributing.md", "scenarios": "catalogue/index.md"}
FILES = {"client_under_test/errors.py", "docs/client.md", "scenarios/recorded"}
REPOSITORY = "https://example.com/blob/main"


def moved(text: str, source: str = "docs/clients.md", page: str = "clients.md") -> str:
    return relinked(text, source, page, PAGES, FILES.__contains__, REPOSITORY)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("[a](client.md)", "[a](client.md)"),
        ("[a](client.md#errors)", "[a](client.md#errors)"),
        ("[a](../CONTRIBUTING.md#a-fault)", "[a](contributing.md#a-fault)"),
        ("[a](../scenarios) and [b](../scenarios/)", "[a](catalogue/index.md) and [b](catalogue/index.md)"),
        ("[a](../client_under_test/errors.py)", f"[a]({REPOSITORY}/client_under_test/errors.py)"),
        ("[a](https://example.org/x)", "[a](https://example.org/x)"),
        ("[a](mailto:a@example.org)", "[a](mailto:a@example.org)"),
        ("[a](#here)", "[a](#here)"),
    ],
)
def test_a_link_leads_to_the_page_of_the_site_or_else_to_the_file_on_the_web(written: str, read: str) -> None:
    assert moved(written) == read


def test_a_page_from_the_top_of_the_repository_and_one_in_a_folder_of_the_site_have_their_own_places() -> None:
    assert moved("[a](docs/client.md)", "CONTRIBUTING.md", "contributing.md") == "[a](client.md)"
    assert moved("[a](../docs/client.md)", "docs/x.md", "deep/er/x.md") == "[a](../../client.md)"


def test_a_link_that_leads_nowhere_is_an_error_which_names_its_page() -> None:
    with pytest.raises(BrokenLink, match=r"docs/clients\.md links to \.\./nothing\.md"):
        moved("[a](../nothing.md)")


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_what_looks_like_a_link_in_a_block_of_code_is_left_alone(fence: str) -> None:
    code = f"{fence}python\n[a](nowhere.md)\n``\n[b](nowhere.md)\n{fence}"
    assert moved(f"{code}\n[a](../scenarios)") == f"{code}\n[a](catalogue/index.md)"


def test_a_longer_fence_may_hold_a_shorter_one() -> None:
    assert moved("````\n```\n[a](nowhere.md)\n```\n````\n[a](../scenarios)").endswith("\n[a](catalogue/index.md)")

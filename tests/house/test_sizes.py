"""The upper limits of design section 8; what is aimed at is far below them."""

import ast

from tests.house.sources import lines, nodes, python_files, said

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500


def test_no_function_is_too_long_to_see_at_once() -> None:
    too_long = [
        f"{path}:{node.lineno}: {node.name} has {length} lines: name its steps as functions"
        for path in python_files()
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert not too_long, said(too_long)


def test_no_file_is_about_too_many_things() -> None:
    too_long = [
        f"{path}: {length} lines: find the second subject in it and give it a file"
        for path in python_files()
        if (length := len(lines(path))) > FILE_LINES_MAX
    ]

    assert not too_long, said(too_long)

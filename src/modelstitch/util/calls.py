"""Parse ``target`` or ``target(name=value, ...)`` as users type it."""

from __future__ import annotations

import ast
from typing import Any

from modelstitch.errors import ModelError


def parse_call(source: str) -> tuple[str, dict[str, Any]]:
    """Return the target and its kwargs; values are Python literals, and no code is run.

    Raises:
        ModelError: anything but kwargs with literal values between the brackets, or text after them.

    Example:
        >>> parse_call("zoo:R1122(width=16, classes=10)")
        ('zoo:R1122', {'width': 16, 'classes': 10})
        >>> parse_call("package.module:factory")
        ('package.module:factory', {})
    """
    target, bracket, _ = source.partition("(")
    if not bracket:
        return source, {}
    try:
        call = ast.parse(f"f({source[len(target) + 1 :]}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError
        arguments = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg is not None}
        if len(arguments) < len(call.keywords):
            raise ValueError  # a name given twice, or **
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ModelError(
            f"cannot read {source!r}: expected target(name=value, ...) with plain values and each name once, "
            "such as zoo:R1122(width=16)"
        ) from error
    return target, arguments

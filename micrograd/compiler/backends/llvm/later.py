"""Work that may wait, done by a thread of its own, one piece after the other."""

from __future__ import annotations

import atexit
import os
from collections import deque
from threading import Condition, Thread
from typing import Any
from weakref import WeakMethod


class Later:
    """Methods to be called later, of objects that are still in use then.

    >>> class Page:
    ...     def read(self):
    ...         print("read")
    >>> page, later = Page(), Later()
    >>> later.call(page.read)
    >>> later.wait()
    read
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: deque[WeakMethod[Any]] = deque()
        self._thread: Thread | None = None

    def call(self, method: Any) -> None:
        """Call a bound method without arguments, after those that are waiting."""
        with self._changed:
            self._waiting.append(WeakMethod(method))
            if self._thread is None:
                self._thread = Thread(target=self._work, name="micrograd-later", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    self._changed.notify_all()
                    return
                method = self._waiting.popleft()()
            try:
                if method is not None:
                    method()
            except Exception:  # what it would have made better stays as it is
                pass
            del method

    def wait(self) -> None:
        """Return when all is done."""
        with self._changed:
            while self._thread is not None:
                self._changed.wait()

    def stop(self) -> None:
        """Forget what is waiting, and return when what was begun is done."""
        self._waiting.clear()
        self.wait()


later = Later()
atexit.register(later.stop)  # the interpreter must not end under a thread that compiles
os.register_at_fork(after_in_child=later.__init__)  # type: ignore[misc]

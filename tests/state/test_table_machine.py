from __future__ import annotations

from hypothesis import settings

from tests.state.table_machine import TableMachine

TestTableMachine = TableMachine.TestCase
TestTableMachine.settings = settings(max_examples=300, stateful_step_count=40)

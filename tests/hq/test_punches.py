"""Punches as payroll gets them: local times over every change of clocks, and odd records."""

from __future__ import annotations

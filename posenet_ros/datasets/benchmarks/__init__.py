"""Layouts of public benchmarks, and of programs that export them: rows and cameras."""

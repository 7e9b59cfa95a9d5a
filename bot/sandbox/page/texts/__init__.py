"""Words as Slack shows them, turned into HTML that can hold nothing but words.

Pure functions: they know no toolkit. Whatever they are given, only the few tags written out here come out.
"""

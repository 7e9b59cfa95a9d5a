"""Decides who sees a job and what each person may do to it. Commands, buttons, forms and questions ask here."""

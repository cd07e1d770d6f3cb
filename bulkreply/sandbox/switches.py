"""Every open question about Reply as a switch (reply-api/README.md). The first choice is the default.

A choice written `N` stands for a whole number; `job_above_N` and `N:400` likewise.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from bulkreply.errors import UsageProblem

CHOICES: dict[str, tuple[str, ...]] = {
    "v3.item_error": ("slug", "int", "mixed"),
    "v3.error_key": ("code", "errorCode"),
    "v3.enum_out": ("camel", "pascal"),
    "v3.enum_in": ("any_case", "camel_only"),
    "v3.unauthorized_body": ("empty", "problem"),
    "v3.create_status": ("201", "200"),
    "v3.empty_action": ("204", "200"),
    "v3.rate_headers": ("absent", "present"),
    "v3.total_count": ("present", "absent"),
    "v3.paging_fault": ("none", "empty_with_more", "shifted_rows"),
    "v3.lost_answer": ("none", "drop_after_commit"),
    "v3.max_body": ("none", "N", "N:413", "N:400"),
    "v3.import_mode": ("sync", "job", "job_above_N"),
    "v3.import_job_result": ("opaque", "items"),
    "v3.import_max_items": ("none", "N", "N:504"),
    "v3.import_bad_email": ("whole_call", "item"),
    "v3.import_results": ("anonymous", "named"),
    "v3.import_no_options": ("fill_empty", "overwrite", "skip"),
    "v3.import_both_flags": ("refuse", "skip_wins", "overwrite_wins"),
    "v3.import_repeat_in_call": ("skipped", "updated"),
    "v3.import_unknown_time_zone": ("item_failed", "ignored"),
    "v3.import_deleted": ("created", "skipped"),
    "v3.contact_create_existing": ("overwrite_and_blank", "refuse_400", "duplicate"),
    "v3.patch_field_key": ("ignored", "accepted", "refused"),
    "v3.unknown_custom_field": ("item_failed", "dropped"),
    "v3.bulk_delete_answer": ("failed_by_id", "empty_204"),
    "v3.private_lists_in_contact": ("hidden", "shown"),
    "v3.bounced_in_contact": ("hidden", "shown"),
    "v3.list_name_unique": ("no", "yes"),
    "v3.move_list": ("leaves_other_lists", "keeps_other_lists"),
    "v3.plan_contacts": ("none", "N"),
    "v3.job_state_case": ("pascal", "camel"),
    "v3.job_end": ("Done", "Failed", "Expired", "Cancelled", "Unknown"),
    "v3.strict_cap": ("none", "N"),
    "v3.import_sequence_option": ("honoured", "ignored"),
    "v3.settings_partial": ("accepted", "refused"),
    "v3.sequence_created_after": ("ignored", "honoured"),
    "v3.sequence_templates_shape": ("grouped_object", "bare_array"),
    "v3.template_folder_writes": ("present", "404", "405"),
    "v3.step_execution_mode": ("optional", "required"),
    "v3.unknown_step_variable": ("refused", "accepted"),
    "v3.call_resolution": ("camel", "ints"),
    "v3.task_enums": ("camel", "ints"),
    "v3.reenrol_paused_transition": ("invalidStatusTransition", "ok"),
    "v1.throttle_scope": ("group", "endpoint", "key"),
    "v1.month_exhausted": ("403", "429", "400"),
    "v1.month_calls": ("none", "N"),
    "v1.push_active": ("400", "409", "200"),
    "v1.push_blocked": ("400", "200_silent"),
    "v1.bulk_ids_max": ("none", "N"),
    "v1.campaign_people": ("alive", "404"),
    "v1.campaign_by_id": ("array", "object"),
    "v1.lookup_shape": ("ids", "id"),
    "v1.variables_shape": ("opaque", "array"),
    "v1.blacklist_default_output": ("all", "domains"),
    "v1.csv_row_cap": ("none", "N"),
    "v1.csv_custom_fields": ("title", "refused"),
    "v1.shared_page": ("on", "off"),
    "v2.step_patch_path": ("with_id", "both"),
    "v2.settings_partial": ("accepted", "refused"),
    "v1.limit_over_100": ("clamp", "honour", "refuse"),
    "v1.throttle_answer": ("400_text", "429"),
    "v1.v3_quota_shared": ("no", "yes"),
    "v1.update_status": ("200", "201"),
    "v1.omitted_fields": ("kept", "blanked"),
    "v1.empty_string": ("clears", "ignored"),
    "v1.unknown_custom_field": ("refuse_400", "dropped"),
    "v1.unknown_email": ("404", "200_null", "200_empty"),
    "v1.delete_missing": ("404", "200"),
    "v1.error_body": ("message", "error", "json_string", "text", "empty"),
    "v1.people_order": ("newest_first", "oldest_first", "unstable"),
}


class Switches(Mapping[str, str]):
    """The chosen positions; reading one that was never set gives its default.

    Args:
        chosen: Position by switch name.

    Raises:
        UsageProblem: An unknown switch or position.
    """

    def __init__(self, chosen: Mapping[str, str] | None = None) -> None:
        self._positions = {name: choices[0] for name, choices in CHOICES.items()}
        self.choose(chosen or {})

    def choose(self, chosen: Mapping[str, str]) -> None:
        """Change positions, all or none.

        Raises:
            UsageProblem: An unknown switch or position.
        """
        for name, position in chosen.items():
            check(name, str(position))
        self._positions.update({name: str(position) for name, position in chosen.items()})

    def number(self, name: str) -> int | None:
        """The number in a position such as `100`, `job_above_100` or `4096:400`; None when it holds none."""
        found = re.search(r"\d+", self._positions[name])
        return int(found[0]) if found else None

    @property
    def changed(self) -> dict[str, str]:
        """Positions that differ from the defaults."""
        return {name: position for name, position in self._positions.items() if position != CHOICES[name][0]}

    def __getitem__(self, name: str) -> str:
        return self._positions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)


def check(name: str, position: str) -> None:
    """Whether there is such a switch with such a position.

    Raises:
        UsageProblem: There is not; the hint names the choices.
    """
    if name not in CHOICES:
        near = difflib.get_close_matches(name, CHOICES, n=1)
        raise UsageProblem(f"the sandbox has no switch {name!r}", hint=f"did you mean {near[0]!r}?" if near else "")
    for choice in CHOICES[name]:
        if re.fullmatch(re.sub(r"\bN\b|(?<=_)N$", r"\\d+", choice), position):
            return
    raise UsageProblem(f"switch {name} has no position {position!r}", hint=f"one of {', '.join(CHOICES[name])}")

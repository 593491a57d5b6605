-- No day of a project and provider is after two bundles of decisions.
select
    one.workspace_id,
    one.counted_with,
    other.counted_with as other_counted_with
from {{ ref('int_measured') }} as one
inner join {{ ref('int_measured') }} as other
    on
        one.workspace_id = other.workspace_id
        and one.project = other.project
        and one.provider = other.provider
        and one.counted_with < other.counted_with
where one.after_from <= other.after_until and other.after_from <= one.after_until

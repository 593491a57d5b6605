{#- The model has one row per combination of `columns`. With `changed_only`, an incremental build looks only at the keys
    it brought (those with `sequence` after the watermark), though for other rows with them everywhere. -#}
{% test unique_grain(model, columns, changed_only=false, sequence='file_seq') %}
    {%- set key = columns | join(', ') %}
    {%- set since = since_file_seq() | int if changed_only else 0 %}
    select {{ key }}
    from {{ model }}
    {% if since > 0 %}
        where
            (hash({{ key }})) in (
                select hash({{ key }})
                from {{ model }}
                where {{ sequence }} > {{ since }}
            )
    {% endif %}
    group by {{ key }}
    having count(*) > 1
{% endtest %}

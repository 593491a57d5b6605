{#- The model has one row per combination of `columns`. With `changed_only`, an incremental build looks only at the keys
    it brought (those with `sequence` after the watermark), though for other rows with them everywhere. Hashes are counted
    first: they take a fraction of the memory, and keys themselves only where two rows have the same. -#}
{% test unique_grain(model, columns, changed_only=false, sequence='file_seq') %}
    {%- set key = columns | join(', ') %}
    {%- set since = since_file_seq() | int if changed_only else 0 %}
    with

    crowded_hashes as (
        select hash({{ key }}) as key_hash
        from {{ model }}
        {% if since > 0 %}
            where
                (hash({{ key }})) in (
                    select hash({{ key }})
                    from {{ model }}
                    where {{ sequence }} > {{ since }}
                )
        {% endif %}
        group by key_hash
        having count(*) > 1
    )

    select {{ key }}
    from {{ model }}
    where (hash({{ key }})) in (select key_hash from crowded_hashes)
    group by {{ key }}
    having count(*) > 1
{% endtest %}

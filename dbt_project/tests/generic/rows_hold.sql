{#- Every row meets every condition; one that comes out null counts as broken. -#}
{% test rows_hold(model, conditions, changed_only=false, sequence='file_seq') %}
    {%- set since = since_file_seq() | int if changed_only else 0 %}
    select *
    from {{ model }}
    where
        not coalesce(({{ conditions | join(') and (') }}), false)
        {% if since > 0 %}
            and {{ sequence }} > {{ since }}
        {% endif %}
{% endtest %}

{#- Every combination of `columns` exists in another model under the same names. -#}
{% test relationships_hold(model, columns, to) %}
    select distinct {{ columns | join(', ') }}
    from {{ model }}
    where ({{ columns | join(', ') }}) not in (select ({{ columns | join(', ') }}) from {{ to }})
{% endtest %}

with

charges as (
    select
        *,
        upper(token_kind[1]) || replace(token_kind[2:], '_', ' ') as token_kind_name,
        case when is_unpriced then ', cost not told by the laptop' else '' end
        || case when rate_id is null then ', price not known' else '' end as remark,
        concat_ws(
            '/', provider, {{ focus_id_part('coalesce(model_ref, model)') }}, token_kind
        ) as sku_id,
        {{ focus_money('coalesce(priced_picousd, logged_picousd)') }} as contracted_cost,
        {{ focus_money('coalesce(tokens * list_picousd_per_token, priced_picousd, logged_picousd)') }} as list_cost
    from {{ ref('int_focus_charges') }}
),

credits as (select * from {{ ref('int_focus_credits') }}),

workspaces as (select * from {{ source('published', 'dim_workspaces') }}),

projects as (select * from {{ source('published', 'dim_projects') }}),

models as (select * from {{ source('published', 'dim_models') }}),

usage_rows as (
    select
        charges.workspace_id,
        cast(null as varchar) as availability_zone,
        {{ focus_money('charges.logged_picousd') }} as billed_cost,
        cast(charges.workspace_id as varchar) as billing_account_id,
        workspaces.name as billing_account_name,
        'Workspace' as billing_account_type,
        'USD' as billing_currency,
        date_trunc('month', charges.utc_day) + interval 1 month as billing_period_end,
        cast(date_trunc('month', charges.utc_day) as timestamp) as billing_period_start,
        cast(null as varchar) as capacity_reservation_id,
        cast(null as varchar) as capacity_reservation_status,
        'Usage' as charge_category,
        case when charges.is_correction then 'Correction' end as charge_class,
        charges.token_kind_name || ' tokens of ' || charges.model || charges.remark as charge_description,
        'Usage-Based' as charge_frequency,
        charges.utc_day + interval 1 day as charge_period_end,
        cast(charges.utc_day as timestamp) as charge_period_start,
        cast(null as varchar) as commitment_discount_category,
        cast(null as varchar) as commitment_discount_id,
        cast(null as varchar) as commitment_discount_name,
        cast(null as decimal(38, 6)) as commitment_discount_quantity,
        cast(null as varchar) as commitment_discount_status,
        cast(null as varchar) as commitment_discount_type,
        cast(null as varchar) as commitment_discount_unit,
        cast(charges.tokens as decimal(38, 6)) as consumed_quantity,
        'Tokens' as consumed_unit,
        charges.contracted_cost,
        {{ focus_millions('charges.picousd_per_token') }} as contracted_unit_price,
        {{ focus_money('charges.logged_picousd') }} as effective_cost,
        cast(null as varchar) as invoice_id,
        {{ focus_provider_name('charges.provider') }} as invoice_issuer_name,
        charges.list_cost,
        {{ focus_millions('charges.list_picousd_per_token') }} as list_unit_price,
        case when charges.rate_id is null then 'Other' else 'Standard' end as pricing_category,
        'USD' as pricing_currency,
        {{ focus_millions('charges.picousd_per_token') }} as pricing_currency_contracted_unit_price,
        {{ focus_money('charges.logged_picousd') }} as pricing_currency_effective_cost,
        {{ focus_millions('charges.list_picousd_per_token') }} as pricing_currency_list_unit_price,
        {{ focus_millions('charges.tokens') }} as pricing_quantity,
        '1000000 Tokens' as pricing_unit,
        {{ focus_provider_name('charges.provider') }} as provider_name,
        {{ focus_provider_name('charges.provider') }} as publisher_name,
        cast(null as varchar) as region_id,
        cast(null as varchar) as region_name,
        charges.model as resource_id,
        models.display_name as resource_name,
        'Model' as resource_type,
        'AI and Machine Learning' as service_category,
        {{ focus_provider_name('charges.provider') }} || ' API' as service_name,
        'Generative AI' as service_subcategory,
        charges.sku_id,
        charges.token_kind_name || ' Tokens' as sku_meter,
        case
            when charges.rate_id is not null
                then cast(json_object(
                    'x_ServiceTier', charges.service_tier, 'x_ContextOverTokens', charges.context_over_tokens
                ) as varchar)
        end as sku_price_details,
        charges.rate_id || '/' || charges.token_kind as sku_price_id,
        charges.project as sub_account_id,
        coalesce(projects.display_name, charges.project) as sub_account_name,
        'Project' as sub_account_type,
        nullif(cast(json_merge_patch(
            '{}',
            json_object(
                'cost_center', projects.cost_centre,
                'client', projects.client_name,
                'halton/requests', nullif(charges.requests, 0),
                'halton/unpriced_requests', case when charges.is_unpriced then nullif(charges.requests, 0) end,
                'halton/unrated_requests', case when charges.rate_id is null then nullif(charges.requests, 0) end
            )
        ) as varchar), '{}') as tags
    from charges
    left join workspaces on charges.workspace_id = workspaces.workspace_id
    left join projects
        on
            charges.workspace_id = projects.workspace_id
            and charges.project = projects.project
    left join models
        on
            charges.provider = models.provider
            and charges.model = models.model
),

credit_rows as (
    select
        credits.workspace_id,
        cast(null as varchar) as availability_zone,
        {{ focus_money('credits.amount_picousd') }} as billed_cost,
        cast(credits.workspace_id as varchar) as billing_account_id,
        workspaces.name as billing_account_name,
        'Workspace' as billing_account_type,
        'USD' as billing_currency,
        credits.utc_month + interval 1 month as billing_period_end,
        cast(credits.utc_month as timestamp) as billing_period_start,
        cast(null as varchar) as capacity_reservation_id,
        cast(null as varchar) as capacity_reservation_status,
        'Credit' as charge_category,
        case when credits.is_correction then 'Correction' end as charge_class,
        coalesce(nullif(trim(credits.description), ''), 'Credit of ' || credits.provider) as charge_description,
        'One-Time' as charge_frequency,
        credits.last_day + interval 1 day as charge_period_end,
        cast(credits.first_day as timestamp) as charge_period_start,
        cast(null as varchar) as commitment_discount_category,
        cast(null as varchar) as commitment_discount_id,
        cast(null as varchar) as commitment_discount_name,
        cast(null as decimal(38, 6)) as commitment_discount_quantity,
        cast(null as varchar) as commitment_discount_status,
        cast(null as varchar) as commitment_discount_type,
        cast(null as varchar) as commitment_discount_unit,
        cast(null as decimal(38, 6)) as consumed_quantity,
        cast(null as varchar) as consumed_unit,
        {{ focus_money('credits.amount_picousd') }} as contracted_cost,
        cast(null as decimal(38, 6)) as contracted_unit_price,
        {{ focus_money('credits.amount_picousd') }} as effective_cost,
        cast(null as varchar) as invoice_id,
        {{ focus_provider_name('credits.provider') }} as invoice_issuer_name,
        {{ focus_money('credits.amount_picousd') }} as list_cost,
        cast(null as decimal(38, 6)) as list_unit_price,
        cast(null as varchar) as pricing_category,
        'USD' as pricing_currency,
        cast(null as decimal(38, 6)) as pricing_currency_contracted_unit_price,
        {{ focus_money('credits.amount_picousd') }} as pricing_currency_effective_cost,
        cast(null as decimal(38, 6)) as pricing_currency_list_unit_price,
        cast(null as decimal(38, 6)) as pricing_quantity,
        cast(null as varchar) as pricing_unit,
        {{ focus_provider_name('credits.provider') }} as provider_name,
        {{ focus_provider_name('credits.provider') }} as publisher_name,
        cast(null as varchar) as region_id,
        cast(null as varchar) as region_name,
        cast(null as varchar) as resource_id,
        cast(null as varchar) as resource_name,
        cast(null as varchar) as resource_type,
        'AI and Machine Learning' as service_category,
        {{ focus_provider_name('credits.provider') }} || ' API' as service_name,
        'Generative AI' as service_subcategory,
        cast(null as varchar) as sku_id,
        cast(null as varchar) as sku_meter,
        cast(null as varchar) as sku_price_details,
        cast(null as varchar) as sku_price_id,
        cast(null as varchar) as sub_account_id,
        cast(null as varchar) as sub_account_name,
        cast(null as varchar) as sub_account_type,
        cast(null as varchar) as tags
    from credits
    left join workspaces on credits.workspace_id = workspaces.workspace_id
),

final as (
    select * from usage_rows
    union all
    select * from credit_rows
)

select * from final
order by
    workspace_id, charge_period_start, charge_category, sub_account_id, provider_name, resource_id, sku_price_id,
    sku_id, charge_class, charge_description, billed_cost

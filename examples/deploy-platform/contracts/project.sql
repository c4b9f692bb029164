-- What project shows: what is deployed, and where; not the variables
SELECT svc.publish('project', 'projects', 'projects', columns => '{id,owner_id,name,slug,repository_url,is_archived}');
SELECT svc.publish('project', 'environments', 'environments', columns => '{id,project_id,name,branch,is_production}');
SELECT svc.grant_contract('project', 'deploy');

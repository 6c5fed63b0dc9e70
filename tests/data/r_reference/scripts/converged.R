# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# Every Cox model of cox.json and competing.json again, carried to the optimum: converged.json.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "common.R"))

WHY <- "R at eps 1e-13 is at the optimum: estimates agree to 1e-10, errors to 1e-8, likelihoods to 1e-12"

models <- list(  # id without ties: data, formula, ties, further arguments of coxph
  list("lung", "lung.csv", "Surv(time, event) ~ age + sex + ph_ecog", c("efron", "breslow", "exact")),
  list("veteran", "veteran.csv", "Surv(time, event) ~ trt + karno + factor(celltype) + prior",
       c("efron", "breslow", "exact")),
  list("rossi", "rossi.csv", "Surv(week, arrest) ~ fin + age + race + wexp + mar + paro + prio",
       c("efron", "breslow", "exact")),
  list("edge_ties", "edge_ties.csv", "Surv(time, event) ~ arm", c("efron", "breslow", "exact")),
  list("gbsg", "gbsg.csv", "Surv(rfstime, status) ~ hormon + age + meno + size + factor(grade) + nodes + pgr + er",
       c("efron", "breslow")),
  list("lung_strata_sex", "lung.csv", "Surv(time, event) ~ age + ph_ecog + strata(sex)", c("efron", "breslow")),
  list("rossi_tv", "rossi_long.csv", "Surv(start, stop, event) ~ fin + age + prio + employed_lag1",
       c("efron", "breslow")),
  list("lung_wint", "lung.csv", "Surv(time, event) ~ age + sex", c("efron", "breslow"), "weights=wt_int"),
  list("lung_wfrac_robust", "lung.csv", "Surv(time, event) ~ age + sex", c("efron", "breslow"),
       "weights=wt_frac, robust=TRUE"),
  list("sim_lt", "sim_left_truncated.csv", "Surv(entry, time, event) ~ arm + x", c("efron", "breslow")),
  list("lung_cluster_inst", "lung.csv", "Surv(time, event) ~ age + sex + ph_ecog", c("efron", "breslow"),
       "cluster=inst"),
  list("rossi_tv_cluster", "rossi_long.csv", "Surv(start, stop, event) ~ fin + age + prio + employed_lag1",
       c("efron", "breslow"), "cluster=id"),
  list("colon_interaction", "colon.csv", "Surv(time, death) ~ factor(rx) * node4 + age", "efron"),
  list("gbsg_logs", "gbsg.csv", "Surv(rfstime, status) ~ hormon + log(nodes) + I(age/10) + I((age/10)^2)", "efron"),
  list("lung_offset", "lung.csv", "Surv(time, event) ~ sex + offset(0.02*age)", "efron"),
  list("edge_constant", "edge_constant_covariate.csv", "Surv(time, event) ~ y", "efron"),
  list("edge_weights", "edge_weights_zero_one.csv", "Surv(time, event) ~ x", "efron", "weights=w"),
  list("null_lung_nodrop", "lung.csv", "Surv(time, event) ~ meal_cal + wt_loss + pat_karno", "efron"),
  list("sim.cs1", "sim_competing.csv", "Surv(ftime, fstatus == 1) ~ arm + x", "efron"),
  list("sim.cs2", "sim_competing.csv", "Surv(ftime, fstatus == 2) ~ arm + x", "efron"),
  list("colon.cs1", "colon_cr.csv", "Surv(ftime, fstatus == 1) ~ age + sex + node4", "efron"),
  list("colon.cs2", "colon_cr.csv", "Surv(ftime, fstatus == 2) ~ age + sex + node4", "efron")
)

expect_of <- function(f) {
  robust <- !is.null(f$naive.var)
  naive <- if (robust) f$naive.var else f$var
  c(list(coef = I(unname(coef(f))), se_naive = I(sqrt(diag(as.matrix(naive))))),
    if (robust) list(se_robust = I(sqrt(diag(as.matrix(f$var))))),
    list(vcov = rows_of(as.matrix(f$var)), loglik_null = f$loglik[1], loglik = f$loglik[2], score = f$score,
         n = f$n, n_event = f$nevent, iterations = f$iter))
}

one <- function(model, ties) {
  more <- if (length(model) > 4) paste0(", ", model[[5]]) else ""
  text <- sprintf('coxph(%s, data=d, ties="%s"%s, control=coxph.control(eps=1e-13, iter.max=50))',
                  model[[3]], ties, more)
  d <- data_of(model[[2]])
  if (model[[1]] == "edge_weights") d$x <- c(0, 1, 1, 0, 1, 0)
  case_of(paste("converged", model[[1]], ties, sep = "."), model[[2]], text, expect_of(fit(text)),
          1e-10, WHY)
}

cases <- unlist(lapply(models, function(m) lapply(m[[4]], function(t) one(m, t))), recursive = FALSE)
cases_to(cases, "converged.json")

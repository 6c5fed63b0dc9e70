# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# Ridge in units of the variance, and glmnet's paths with its ties mended, written to penalised.json.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "common.R"))
suppressMessages(library(glmnet))
GLMNET <- paste0("glmnet ", packageVersion("glmnet"), "; R ", getRversion())

lung <- data_of("lung.csv")
lung <- lung[complete.cases(lung[, c("age", "sex", "ph_ecog")]), ]
ridges <- lapply(c(1, 10), function(theta) {
  call <- paste0("coxph(Surv(time, event) ~ ridge(age, sex, ph_ecog, theta=", theta,
                 ", scale=TRUE), data=lung, control=coxph.control(eps=1e-13))")
  f <- fit(call)
  s <- summary(f)$coefficients
  expect <- list(vars = c("age", "sex", "ph_ecog"), coef = unname(coef(f)), se = unname(s[, 2]), se2 = unname(s[, 3]),
                 loglik_unpenalised = f$loglik[2], df = I(f$df))
  case_of(paste0("ridge.lung.theta", theta, ".scaleTRUE"), "lung.csv", call, expect, 1e-8, "at the optimum, complete rows")
})

# glmnet 4.1-6 puts the censored after deaths of their day by adding 2e-14 to their time, which is lost beyond
# day 100: some then fall out of the risk set. Half a day is not lost.
gbsg <- data_of("gbsg.csv")
x <- as.matrix(gbsg[, c("hormon", "age", "meno", "size", "grade", "nodes", "pgr", "er")])
y <- Surv(gbsg$rfstime + 0.5 * (gbsg$status == 0), gbsg$status)
lambda <- c(0.2, 0.1, 0.05, 0.02, 0.01, 0.001)
why <- "coordinate descent, thresh 1e-14"
nets <- lapply(c(0, 0.5, 1), function(alpha) {
  call <- paste0("glmnet(x, y, family='cox', alpha=", alpha, ", lambda=lambda, thresh=1e-14, maxit=1e7)")
  expect <- list(lambda = lambda, coef_rows_lambda_cols_vars = rows_of(t(as.matrix(fit(call)$beta))))
  case_of(paste0("glmnet.gbsg.alpha", alpha), "gbsg.csv", call, expect, 1e-5, why, GLMNET)
})
call <- "glmnet(x, y, family='cox', alpha=0.5)"
steps <- list(case_of("path.gbsg", "gbsg.csv", call, list(lambda = fit(call)$lambda), 1e-8, "its steps drift by 5e-9", GLMNET))
fold <- (seq_len(nrow(gbsg)) - 1) %% 5 + 1
grid <- c(.2, .15, .1, .08, .05, .03, .02, .01, .005, .001)
call <- "cv.glmnet(x, y, family='cox', alpha=1, lambda=grid, foldid=fold, grouped=TRUE, thresh=1e-14, maxit=1e7)"
cv <- fit(call)
chosen <- list(lambda = cv$lambda, cvm = cv$cvm, cvsd = cv$cvsd, min = cv$lambda.min, se1 = cv$lambda.1se,
               nzero = unname(cv$nzero))
cases_to(c(ridges, nets, steps, list(case_of("cv.gbsg", "gbsg.csv", call, chosen, 1e-6, why, GLMNET))), "penalised.json")

/* net: the loss `mean_squared_error`, its gradient and a training step.
   Made by micrograd.export; C99, needs math.h alone, allocates nothing.

       H1 (20×5) = relu(X (20×3) · W1ᵀ (3×5) + b1 (5))
       H2 (20×5) = relu(H1 (20×5) · W2ᵀ (5×5) + b2 (5))
       H3 (20×3) = relu(H2 (20×5) · W3ᵀ (5×3) + b3 (3))
       H4 (20) = H3 (20×3) · W4 (3) + b4 − y (20)
       L = Σ H4 (20)² / 20

   Derivatives by an array have its name with a d before it.
*/

#include "net.h"

#include <math.h>

static double relu(double a)
{
    return a < 0.0 ? 0.0 : a;
}

static double less_equal(double a, double b)
{
    return a <= b ? 1.0 : 0.0;
}

static double select(double a, double b, double c)
{
    return a != 0.0 ? b : c;
}

const double net_parameters[NET_PARAMETERS] = {
    0.13, -0.41, 0.22, -0.32, 0.31, -0.23, 0.4, -0.14, 0.49, -0.05, 0.58, 0.04, 0.67, 0.13,
    -0.41, 0.22, -0.32, 0.31, -0.23, 0.4, -0.14, 0.49, -0.05, 0.58, 0.04, 0.67, 0.13,
    -0.41, 0.22, -0.32, 0.31, -0.23, 0.4, -0.14, 0.49, -0.05, 0.58, 0.04, 0.67, 0.13,
    -0.41, 0.22, -0.32, 0.31, -0.23, 0.4, -0.14, 0.49, -0.05, 0.58, 0.04, 0.67, 0.13,
    -0.41, 0.22, -0.32, 0.31, -0.23, 0.4, -0.14, 0.49, -0.05, 0.58, 0.04, 0.67, 0.13,
    -0.41, 0.22, -0.32, 0.31, -0.23, 0.4
};

const double net_state[NET_STATE] = {
    0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,
    1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,
    1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,
    1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,
    1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0
};

double net_loss(const double *parameters, const double *X, const double *y)
{
    const double *const W1 = parameters;
    const double *const b1 = parameters + 3;
    const double *const W2 = parameters + 20;
    const double *const b2 = parameters + 25;
    const double *const W3 = parameters + 50;
    const double *const b3 = parameters + 55;
    const double *const W4 = parameters + 68;
    const double *const b4 = parameters + 71;
    double L = 0.0;
    static double X_2[60];
    static double H1[100];
    static double H2[100];
    static double H3[60];
    static double H4[20];

    /* X_2: map 3×20: term */
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 20; j++) {
            X_2[20 * i + j] = X[i + 3 * j];
        }
    }

    /* H4: map 20: 3 terms */
    for (int i = 0; i < 20; i++) {
        H4[i] = b4[0] - y[i];
    }

    /* H1: matmul 5×20×3: term, relu */
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 20; j++) {
            double sum = 0.0;
            for (int k = 0; k < 3; k++) {
                sum += W1[4 * i + k] * X_2[j + 20 * k];
            }
            H1[20 * i + j] = relu(sum + b1[4 * i]);
        }
    }

    /* H1 (20×5) = relu(X (20×3) · W1ᵀ (3×5) + b1 (5)) */
    /* H2 (20×5) = relu(H1 (20×5) · W2ᵀ (5×5) + b2 (5)) */
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 20; j++) {
            double sum = 0.0;
            for (int k = 0; k < 5; k++) {
                sum += W2[6 * i + k] * H1[j + 20 * k];
            }
            H2[20 * i + j] = relu(sum + b2[6 * i]);
        }
    }

    /* H3 (20×3) = relu(H2 (20×5) · W3ᵀ (5×3) + b3 (3)) */
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 20; j++) {
            double sum = 0.0;
            for (int k = 0; k < 5; k++) {
                sum += W3[6 * i + k] * H2[j + 20 * k];
            }
            H3[20 * i + j] = relu(sum + b3[6 * i]);
        }
    }

    /* H4 (20) = H3 (20×3) · W4 (3) + b4 − y (20) */
    for (int i = 0; i < 20; i++) {
        double sum = 0.0;
        for (int j = 0; j < 3; j++) {
            sum += W4[j] * H3[i + 20 * j];
        }
        H4[i] += sum;
    }

    /* L = Σ H4 (20)² / 20 */
    {
        double sum = 0.0;
        for (int i = 0; i < 20; i++) {
            sum += H4[i] * H4[i];
        }
        L = sum / 20.0;
    }
    return L;
}

double net_gradient(
    const double *parameters,
    const double *X,
    const double *y,
    double *gradient)
{
    const double *const W1 = parameters;
    const double *const b1 = parameters + 3;
    const double *const W2 = parameters + 20;
    const double *const b2 = parameters + 25;
    const double *const W3 = parameters + 50;
    const double *const b3 = parameters + 55;
    const double *const W4 = parameters + 68;
    const double *const b4 = parameters + 71;
    double *const dW1 = gradient;
    double *const db1 = gradient + 3;
    double *const dW2 = gradient + 20;
    double *const db2 = gradient + 25;
    double *const dW3 = gradient + 50;
    double *const db3 = gradient + 55;
    double *const dW4 = gradient + 68;
    double *const db4 = gradient + 71;
    double dL = 0.0, L = 0.0;
    static double X_2[60];
    static double H1[100];
    static double H2[100];
    static double H3[60];
    static double H4[20];
    static double dH4[20];
    static double dH3[60];
    static double dH2[100];
    static double dH1[100];

    /* X_2: map 3×20: term */
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 20; j++) {
            X_2[20 * i + j] = X[i + 3 * j];
        }
    }

    /* H4: map 20: 3 terms */
    for (int i = 0; i < 20; i++) {
        H4[i] = b4[0] - y[i];
    }

    /* dL: map 1: div, term */
    dL = 1.0 / 20.0;

    /* H1: matmul 5×20×3: term, relu */
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 20; j++) {
            double sum = 0.0;
            for (int k = 0; k < 3; k++) {
                sum += W1[4 * i + k] * X_2[j + 20 * k];
            }
            H1[20 * i + j] = relu(sum + b1[4 * i]);
        }
    }

    /* H2: matmul 5×20×5: term, relu */
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 20; j++) {
            double sum = 0.0;
            for (int k = 0; k < 5; k++) {
                sum += W2[6 * i + k] * H1[j + 20 * k];
            }
            H2[20 * i + j] = relu(sum + b2[6 * i]);
        }
    }

    /* H3: matmul 3×20×5: term, relu */
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 20; j++) {
            double sum = 0.0;
            for (int k = 0; k < 5; k++) {
                sum += W3[6 * i + k] * H2[j + 20 * k];
            }
            H3[20 * i + j] = relu(sum + b3[6 * i]);
        }
    }

    /* H4 (20) = H3 (20×3) · W4 (3) + b4 − y (20) */
    for (int i = 0; i < 20; i++) {
        double sum = 0.0;
        for (int j = 0; j < 3; j++) {
            sum += W4[j] * H3[i + 20 * j];
        }
        H4[i] += sum;
        dH4[i] = 2.0 * dL * H4[i];
    }

    /* L = Σ H4 (20)² / 20 */
    {
        double sum = 0.0;
        for (int i = 0; i < 20; i++) {
            sum += H4[i] * H4[i];
        }
        L = sum / 20.0;
    }

    /* dW4: matvec 3×20 */
    for (int i = 0; i < 3; i++) {
        double sum = 0.0;
        for (int j = 0; j < 20; j++) {
            sum += H3[20 * i + j] * dH4[j];
        }
        dW4[i] = sum;
    }

    /* db4: sum 20 */
    {
        double sum = 0.0;
        for (int i = 0; i < 20; i++) {
            sum += dH4[i];
        }
        db4[0] = sum;
    }

    /* H3 (20×3) = relu(H2 (20×5) · W3ᵀ (5×3) + b3 (3)) */
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 20; j++) {
            dH3[20 * i + j] = select(less_equal(H3[20 * i + j], 0.0), 0.0, W4[i] * dH4[j]);
        }
    }

    /* dW3: matmul 3×5×20 */
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 5; j++) {
            double sum = 0.0;
            for (int k = 0; k < 20; k++) {
                sum += H2[20 * j + k] * dH3[20 * i + k];
            }
            dW3[6 * i + j] = sum;
        }
    }

    /* db3: sum 3×20 */
    for (int i = 0; i < 3; i++) {
        double sum = 0.0;
        for (int j = 0; j < 20; j++) {
            sum += dH3[20 * i + j];
        }
        db3[6 * i] = sum;
    }

    /* H2 (20×5) = relu(H1 (20×5) · W2ᵀ (5×5) + b2 (5)) */
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 20; j++) {
            double sum = 0.0;
            for (int k = 0; k < 3; k++) {
                sum += W3[i + 6 * k] * dH3[j + 20 * k];
            }
            dH2[20 * i + j] = select(less_equal(H2[20 * i + j], 0.0), 0.0, sum);
        }
    }

    /* dW2: matmul 5×5×20 */
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 5; j++) {
            double sum = 0.0;
            for (int k = 0; k < 20; k++) {
                sum += H1[20 * j + k] * dH2[20 * i + k];
            }
            dW2[6 * i + j] = sum;
        }
    }

    /* db2: sum 5×20 */
    for (int i = 0; i < 5; i++) {
        double sum = 0.0;
        for (int j = 0; j < 20; j++) {
            sum += dH2[20 * i + j];
        }
        db2[6 * i] = sum;
    }

    /* H1 (20×5) = relu(X (20×3) · W1ᵀ (3×5) + b1 (5)) */
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 20; j++) {
            double sum = 0.0;
            for (int k = 0; k < 5; k++) {
                sum += W2[i + 6 * k] * dH2[j + 20 * k];
            }
            dH1[20 * i + j] = select(less_equal(H1[20 * i + j], 0.0), 0.0, sum);
        }
    }

    /* dW1: matmul 5×3×20 */
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 3; j++) {
            double sum = 0.0;
            for (int k = 0; k < 20; k++) {
                sum += X_2[20 * j + k] * dH1[20 * i + k];
            }
            dW1[4 * i + j] = sum;
        }
    }

    /* db1: sum 5×20 */
    for (int i = 0; i < 5; i++) {
        double sum = 0.0;
        for (int j = 0; j < 20; j++) {
            sum += dH1[20 * i + j];
        }
        db1[4 * i] = sum;
    }
    return L;
}

double net_step(double *parameters, double *state, const double *X, const double *y)
{
    static double gradient[NET_GRADIENT];
    double *const learning_rate = state;
    const double loss = net_gradient(parameters, X, y, gradient);

    for (int i = 0; i < 72; i++) {
        if (!isfinite(loss) || !isfinite(gradient[i])) {
            return (double)NAN;
        }
    }

    /* map 72: 3 terms */
    for (int i = 0; i < 72; i++) {
        parameters[i] = -gradient[i] * learning_rate[0] + parameters[i];
    }
    return loss;
}

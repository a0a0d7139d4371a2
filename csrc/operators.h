/* Operators and methods that record: their values are in rows.h. */

static inline PyObject *record_one(int row, int kind, double data, Value *a, double k) {
    Value *v = new_node(row, kind, data);
    if (!v) return NULL;
    Py_INCREF(OBJECT(a));
    v->a = a;
    if (kind == ONE_STATIC) v->k = k;
    return finished(v);
}

/* Takes over the references to the inputs. */
static inline PyObject *record_two(int row, double data, Value *a, Value *b) {
    Value *v = new_node(row, TWO, data);
    if (!v) { Py_DECREF(OBJECT(a)); Py_DECREF(OBJECT(b)); return NULL; }
    v->a = a;
    v->b = b;
    return finished(v);
}

static PyObject *other_operand(PyObject *x) {
    if (PyObject_TypeCheck(x, value_type)) return Py_NewRef(x);
    int is_real = PyLong_CheckExact(x) ? 1 : PyObject_IsInstance(x, real);
    if (is_real < 0) return NULL;
    if (!is_real) return Py_NewRef(Py_NotImplemented);
    PyObject *number = as_float(x, "operand");
    return number ? (PyObject *)new_operand(number) : NULL;
}

/* A Value as it is, a number as a leaf; NotImplemented for anything else. A new reference. */
static inline PyObject *operand(PyObject *x) {
    if (IS_VALUE(x)) { Py_INCREF(x); return x; }
    if (PyFloat_CheckExact(x)) { Py_INCREF(x); return (PyObject *)new_operand(x); }
    return other_operand(x);
}

#define OPERAND(name, x) \
    PyObject *name = operand(x); \
    if (UNLIKELY(!name || name == Py_NotImplemented))

#define BINARY(name) \
    static PyObject *operator_##name(PyObject *x, PyObject *y) { \
        OPERAND(a, x) return a; \
        OPERAND(b, y) { Py_DECREF(OBJECT(a)); return b; } \
        double data = f_##name(number((Value *)a), number((Value *)b)); \
        return record_two(ROW_##name, data, (Value *)a, (Value *)b); \
    }

#define UNARY(name) \
    static PyObject *operator_##name(PyObject *x) { \
        Value *a = (Value *)x; \
        return record_one(ROW_##name, ONE, f_##name(number(a)), a, 0.0); \
    } \
    static PyObject *method_##name(PyObject *x, PyObject *unused) { return operator_##name(x); }

#define STATIC(name, parameter_name) \
    static PyObject *method_##name(PyObject *x, PyObject *parameter) { \
        Value *a = (Value *)x; \
        double k; \
        if (!to_double(parameter, #parameter_name, &k)) return NULL; \
        return record_one(ROW_##name, ONE_STATIC, f_##name(number(a), k), a, k); \
    }

DEFINITIONS

/* A number as the exponent is a static parameter, a Value an input like any other. */
static PyObject *operator_power(PyObject *x, PyObject *y, PyObject *modulus) {
    if (modulus != Py_None) return Py_NewRef(Py_NotImplemented);
    if (!ANY_VALUE(x) || ANY_VALUE(y)) return operator_pow(x, y);
    if (!PyFloat_CheckExact(y)) {
        int is_real = PyObject_IsInstance(y, real);
        if (is_real < 0) return NULL;
        if (!is_real) return Py_NewRef(Py_NotImplemented);
    }
    return method_pow_static(x, y);
}

